//! The fields that any command of `plain` has. Owns: their keys. Never: reads an object (see `json`).

crate::dialects::json::fields! {
    Cmd = "cmd",
    User = "user",
    Password = "password",
    Friend = "friend",
    Group = "group",
    Join = "join",
    UserFrom = "user_from",
    UserTo = "user_to",
    Text = "text",
    FromUser = "from_user",
    ToUser = "to_user",
    Length = "length",
    Filename = "filename",
    Result = "result",
    Member = "member",
    Add = "add",
    Message = "message",
    NewPassword = "new_password",
    Before = "before",
    Limit = "limit",
}
