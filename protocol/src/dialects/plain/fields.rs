//! The fields that any command of `plain` has. Owns: their keys. Never: reads an object (see `json`).

crate::dialects::json::fields! {
    Cmd = b"cmd",
    User = b"user",
    Password = b"password",
    Friend = b"friend",
    Group = b"group",
    Join = b"join",
    UserFrom = b"user_from",
    UserTo = b"user_to",
    Text = b"text",
    FromUser = b"from_user",
    ToUser = b"to_user",
    Length = b"length",
    Filename = b"filename",
    Result = b"result",
    Member = b"member",
    Add = b"add",
    Message = b"message",
    NewPassword = b"new_password",
    Before = b"before",
    Limit = b"limit",
}
