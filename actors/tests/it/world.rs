//! A world per test: the embedded settings over a folder that is gone afterwards.

use actors::settings::ActorSettings;
use actors::testing::{TestWorld, cheap, run};
use std::future::Future;

/// The settings of the embedded file, as tests want them.
pub(crate) fn settings() -> ActorSettings {
    cheap(toml::from_str(include_str!("../../../settings.toml")).unwrap())
}

/// Runs a test in a world with these settings.
pub(crate) fn in_world_with<F>(settings: ActorSettings, test: impl FnOnce(TestWorld) -> F)
where
    F: Future<Output = ()>,
{
    let data = tempfile::tempdir().unwrap();
    run(async {
        let world = TestWorld::start(data.path(), settings);
        test(world).await;
    });
}

/// Runs a test in a world as it is by default.
pub(crate) fn in_world<F>(test: impl FnOnce(TestWorld) -> F)
where
    F: Future<Output = ()>,
{
    in_world_with(settings(), test);
}

/// A private message.
pub(crate) fn private(from: &str, to: &str, text: &str) -> String {
    format!(r#"{{"cmd":"private_chat","user_from":"{from}","user_to":"{to}","text":"{text}"}}"#)
}

/// A post to a group.
pub(crate) fn post(from: &str, group: &str, text: &str) -> String {
    format!(r#"{{"cmd":"group_chat","user":"{from}","group":"{group}","text":"{text}"}}"#)
}

/// A login.
pub(crate) fn login(name: &str) -> String {
    format!(r#"{{"cmd":"login","user":"{name}","password":"pw"}}"#)
}
