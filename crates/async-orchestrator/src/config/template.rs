//! Writes the commented configuration file of `config init`: what was found is active, every other setting is shown in a comment.

use std::fmt::Write as _;

use super::{
    Discovered, FoundServer,
    registry::{self, NAMED_TABLES, Row, SINGLE_TABLES},
    show::quoted,
};

const HEAD: &str = "\
# Settings of Async Orchestrator. Every setting may be left out; a line that begins with `#` shows an example.
#
# The environment wins over this file, and flags win over both. A setting's variable is its name in capitals after
# `ORCHESTRATOR_`: `roles.critic.timeout_seconds` is ORCHESTRATOR_ROLES_CRITIC_TIMEOUT_SECONDS.
# `orchestrator config show` prints what is in force and where it comes from; `orchestrator config check` finds mistakes.
";

/// The text of a new configuration file, made for what was found. It is a valid configuration as it stands.
pub fn template(found: &Discovered) -> String {
    let mut text = HEAD.to_owned();
    for (index, key) in found.keys.iter().enumerate() {
        // A provider has one credential: a second one is shown in a comment.
        let is_second = found.keys[..index].iter().any(|earlier| earlier.provider == key.provider);
        if is_second {
            line(&mut text, format_args!("# {} = \"env::{}\" # also set", key.setting, key.variable));
            continue;
        }
        line(&mut text, format_args!("\n# {} is set.", key.variable));
        line(&mut text, format_args!("[providers.{}]", key.provider));
        line(&mut text, format_args!("{} = \"env::{}\"", key.setting, key.variable));
    }
    for server in &found.servers {
        push_server(&mut text, server);
    }
    if found.keys.is_empty() && found.servers.is_empty() {
        line(
            &mut text,
            format_args!(
                "\n# No key and no model server was found: the embedded model answers until there is one."
            ),
        );
    }
    line(&mut text, format_args!("\n# A vendor or server; the name is yours."));
    line(&mut text, format_args!("# [providers.NAME]"));
    push_rows(&mut text, registry::PROVIDER, "");
    line(
        &mut text,
        format_args!("\n# A role: proposer, critic, synthesizer, implementer, validator, observer."),
    );
    line(&mut text, format_args!("# [roles.proposer]"));
    push_rows(&mut text, registry::ROLE, "");
    for table in SINGLE_TABLES {
        line(&mut text, format_args!("\n# [{table}]"));
        push_rows(&mut text, registry::SINGLE, &format!("{table}."));
    }
    line(&mut text, format_args!("\n# What you know better than the built-in table of models."));
    line(&mut text, format_args!("# [{}.\"provider:model\"]", NAMED_TABLES[2]));
    push_rows(&mut text, registry::MODEL, "");
    text
}

fn push_server(text: &mut String, server: &FoundServer) {
    let count = server.models.len();
    let port = &server.base_url;
    line(
        text,
        format_args!("\n# {} models are served at {port}, where {} usually listens.", count, server.product),
    );
    line(text, format_args!("[providers.{}]", server.provider));
    line(text, format_args!("kind = \"openai\""));
    line(text, format_args!("base_url = {}", quoted(&server.base_url)));
    // Models that cannot chat are listed beside those that can.
    let chats = |name: &&String| {
        !["embed", "rerank", "whisper", "tts"].iter().any(|word| name.to_lowercase().contains(word))
    };
    match server.models.iter().find(chats) {
        Some(model) => {
            line(text, format_args!("models = {{ strong = {0}, fast = {0} }}", quoted(model)));
            for other in server.models.iter().filter(chats).filter(|name| *name != model).take(20) {
                line(text, format_args!("#   also served: {other}"));
            }
        }
        None => line(text, format_args!("# models = {{ strong = \"NAME\", fast = \"NAME\" }}")),
    }
}

fn push_rows<T>(text: &mut String, rows: &[Row<T>], table: &str) {
    for row in rows {
        if let Some(name) = row.key.strip_prefix(table) {
            line(text, format_args!("# {name} = {} # {}", row.example, row.about));
        }
    }
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}
