//! The fields that any command of `framed` has. Owns: their keys. Never: reads an object (see `json`).

crate::dialects::json::fields! {
    Command = "command",
    Username = "username",
    Password = "password",
    Id = "id",
    Src = "src",
    Dst = "dst",
    Status = "status",
    Message = "message",
    NewPassword = "new_password",
    Add = "add",
    Group = "group",
    Groupname = "groupname",
    Join = "join",
    Before = "before",
    Limit = "limit",
    Filename = "filename",
    Length = "length",
}
