//! The fields that any command of `framed` has. Owns: their keys. Never: reads an object (see `json`).

crate::dialects::json::fields! {
    Command = b"command",
    Username = b"username",
    Password = b"password",
    Id = b"id",
    Src = b"src",
    Dst = b"dst",
    Status = b"status",
    Message = b"message",
    NewPassword = b"new_password",
    Add = b"add",
    Group = b"group",
    Groupname = b"groupname",
    Join = b"join",
    Before = b"before",
    Limit = b"limit",
    Filename = b"filename",
    Length = b"length",
}
