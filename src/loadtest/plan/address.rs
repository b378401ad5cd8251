//! `--to`. Owns: its grammar, and which voice is spoken where. Never: asks for the address of a name.

use super::{Speech, Voice};

/// Where a voice is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What is spoken there.
    pub voice: Voice,
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// The ports of a server with default settings.
fn default_port(voice: Voice) -> u16 {
    match (voice.web, voice.speech) {
        (true, _) => 9002,
        (false, Speech::Framed) => 9000,
        (false, Speech::Binary) => 7100,
        (false, Speech::Plain | Speech::Line) => 8000,
    }
}

/// A place for each voice; those of `to` that no voice needs are there too, for registering.
///
/// # Errors
/// What is wrong or missing, and what to write.
pub(super) fn places(to: &[String], voices: &[Voice]) -> Result<Vec<Place>, String> {
    let mut places: Vec<Place> = Vec::new();
    for text in to {
        match text.split_once('=') {
            Some((voice, address)) => {
                let voice = parse_voice(voice)?;
                let (host, port) = host_and_port(address)?;
                if places.iter().any(|place| place.voice == voice) {
                    return Err(format!("--to {text}: {voice} has an address already"));
                }
                places.push(Place { voice, host, port: port.unwrap_or_else(|| default_port(voice)) });
            }
            None => places.extend(bare(text, to, voices)?),
        }
    }
    if to.is_empty() {
        return Err("say which server: --self for a throw-away one, --to HOST:PORT, or --in-process".into());
    }
    for voice in voices {
        if !places.iter().any(|place| place.voice == *voice) {
            return Err(format!(
                "{voice} has no address: add --to {voice}=HOST:PORT (or choose other --dialect and --link)"
            ));
        }
    }
    Ok(places)
}

/// `HOST` or `HOST:PORT` without a voice.
fn bare(text: &str, to: &[String], voices: &[Voice]) -> Result<Vec<Place>, String> {
    if to.len() > 1 {
        return Err(format!("--to {text}: of several addresses each names its voice, such as --to plain+tcp={text}"));
    }
    let (host, port) = host_and_port(text)?;
    let Some(port) = port else {
        // A server with default ports: all voices, and the plain one for registering.
        let plain = Voice { speech: Speech::Plain, web: false, tls: false };
        let mut all = voices.to_vec();
        if !all.iter().any(|voice| voice.speech != Speech::Binary) {
            all.push(plain);
        }
        return Ok(all
            .into_iter()
            .map(|voice| Place { voice, host: host.clone(), port: default_port(voice) })
            .collect());
    };
    match voices {
        [voice] => Ok(vec![Place { voice: *voice, host, port }]),
        // One WebSocket listener serves all dialects.
        _ if voices.iter().all(|voice| voice.web) => {
            Ok(voices.iter().map(|voice| Place { voice: *voice, host: host.clone(), port }).collect())
        }
        _ => Err(format!(
            "--to {text}: several voices are spoken; give each its address, such as --to {}={text}",
            voices[0]
        )),
    }
}

fn parse_voice(text: &str) -> Result<Voice, String> {
    let mut voice = Voice { speech: Speech::Plain, web: false, tls: false };
    let mut words = text.split('+');
    voice.speech = match words.next() {
        Some("plain") => Speech::Plain,
        Some("framed") => Speech::Framed,
        Some("binary") => Speech::Binary,
        _ => {
            return Err(format!("--to {text}=…: must be DIALECT+LINK, such as plain+tcp, binary+ws or framed+tcp+tls"));
        }
    };
    for word in words {
        match word {
            "tcp" => voice.web = false,
            "ws" => voice.web = true,
            "tls" => voice.tls = true,
            _ => return Err(format!("--to {text}=…: `{word}` is neither tcp, ws nor tls")),
        }
    }
    Ok(voice)
}

fn host_and_port(text: &str) -> Result<(String, Option<u16>), String> {
    let no = || format!("--to {text}: must be HOST:PORT, such as 127.0.0.1:8000 or [::1]:8000");
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or_else(no)?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or_else(no)?) })
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.is_empty() || host.contains('/') {
        return Err(no());
    }
    let port = port.map(|port| port.parse().map_err(|_| no())).transpose()?;
    if port == Some(0) { Err(no()) } else { Ok((host.to_owned(), port)) }
}
