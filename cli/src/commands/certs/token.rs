use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Error, ensure};
use enrolment::clock::{iso, seconds};
use enrolment::{NewToken, Store, TokenRow, pin_text};

use super::list;
use crate::exit::Exit;
use crate::{help, times};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make a token, and print it on standard output: the only time that it is shown.
    #[command(after_help = help::TOKEN_CREATE)]
    Create {
        /// For how many agents it is good.
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        uses: u32,
        /// How long it is good: 30m, 12h, 168h.
        #[arg(long, value_name = "TIME", default_value = "1h", value_parser = times::time)]
        expires: Duration,
        /// Binds it to a pool: who enrols by it is of that pool, which its certificate says.
        #[arg(long, value_name = "NAME", value_parser = identity::membership::pool)]
        pool: Option<String>,
        /// The name that the agent gets, in place of the one that it wishes for.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// List the tokens that there are: never their secrets.
    #[command(after_help = help::TOKEN_LIST)]
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token: it lets nobody in any more. Who is in stays (`certs DIR revoke --token ID` ends them, too).
    #[command(after_help = help::TOKEN_REVOKE)]
    Revoke {
        /// Its name, or the beginning of it.
        id: String,
    },
}

pub(super) fn run(folder: &Path, arguments: &Arguments) -> Result<Exit, Error> {
    let pin = list::pin(folder)?;
    let mut store = Store::open(folder, pin)?;
    let now = seconds(SystemTime::now());
    match &arguments.command {
        Command::Create { uses, expires, pool, name } => {
            if let Some(name) = name {
                ensure!(
                    enrolment::names::is_name(name) && !enrolment::names::is_reserved(name),
                    "`{name}` cannot be an agent's name: letters, digits, `-`, `_` and `.` are accepted"
                );
                ensure!(*uses == 1, "--name gives one agent its name: leave --uses out, or the name");
            }
            let new = NewToken {
                pool: pool.clone().unwrap_or_default(),
                name: name.clone().unwrap_or_default(),
                uses: *uses,
                expires_s: now.saturating_add(expires.as_secs()),
            };
            let token = store.create_token(&new, pin, now)?;
            println!("{}", token.reveal());
            let agents = if *uses == 1 { "one agent".to_owned() } else { format!("{uses} agents") };
            let of = pool.as_ref().map(|pool| format!(" of pool {pool}")).unwrap_or_default();
            eprintln!(
                "token {}: for {agents}{of}, until {}; it is shown this once",
                token.id(),
                iso(new.expires_s)
            );
            eprintln!("authority {}", pin_text(pin));
            eprintln!("on the agent's machine: roamstorm agent --coordinator HOST --token-file FILE");
        }
        Command::List { json } => show(&store.tokens()?, now, pin, *json)?,
        Command::Revoke { id } => {
            let id = store.revoke_token(id, now)?.with_context(|| none(folder, id))?;
            println!(
                "token {id}: revoked; who came in by it stays: `roamstorm certs {} revoke --token {id}` ends them, too",
                folder.display()
            );
        }
    }
    Ok(Exit::Pass)
}

/// What to say where no token, or several, begin so.
pub(super) fn none(folder: &Path, id: &str) -> String {
    let id = edges::text::line(id, 20);
    format!(
        "no token, or more than one, begins with `{id}`: `roamstorm certs {} token list` has them",
        folder.display()
    )
}

fn show(tokens: &[TokenRow], now: u64, pin: [u8; 32], json: bool) -> Result<(), Error> {
    if json {
        let rows: Vec<_> = tokens
            .iter()
            .map(|token| {
                serde_json::json!({
                    "id": token.id, "state": state(token, now), "pool": token.pool, "name": token.name, "uses": token.uses,
                    "used": token.used, "created": iso(token.created_s), "expires": iso(token.expires_s),
                })
            })
            .collect();
        let all = serde_json::json!({"authority": pin_text(pin), "tokens": rows});
        crate::stdout::json(&serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    eprintln!("authority {}", pin_text(pin));
    if tokens.is_empty() {
        eprintln!("no tokens; `roamstorm certs DIR token create` makes one");
        return Ok(());
    }
    println!("{:<12}{:<10}{:<12}{:<16}{:<22}NAME", "ID", "STATE", "USED", "POOL", "EXPIRES");
    for token in tokens {
        let used = format!("{} of {}", token.used, token.uses);
        let line = format!(
            "{:<12}{:<10}{used:<12}{:<16}{:<22}{}",
            token.id,
            state(token, now),
            list::or_dash(&token.pool),
            iso(token.expires_s),
            list::or_dash(&token.name)
        );
        println!("{}", line.trim_end());
    }
    Ok(())
}

fn state(token: &TokenRow, now: u64) -> &'static str {
    match token {
        TokenRow { revoked_s: Some(_), .. } => "revoked",
        TokenRow { expires_s, .. } if *expires_s <= now => "expired",
        TokenRow { used, uses, .. } if used >= uses => "used up",
        _ => "good",
    }
}
