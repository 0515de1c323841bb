//! The `ballast` binary. Exit codes: 0 done, 1 refused or failed, 2 bad usage.

mod approval_desk;
mod audit;
mod backtest;
mod config;
mod data;
mod db;
mod decisions;
mod deploy;
mod devnet;
mod doctor;
mod drill;
mod emergency_exit;
mod local;
mod logging;
mod market;
mod output;
mod replay;
mod risk;
mod run;
mod safe;
mod scenarios;
mod status;
mod store;
mod story;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(name = "ballast", version, about = "Keeper of a Ballast vault", max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How log lines on standard error look: without this, JSON when the journal reads them and text otherwise
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    log_format: Option<logging::Format>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Observe, decide and execute: as a service, or one cycle with --once
    Run(run::Arguments),
    /// What the vault holds and what the keeper last did
    Status(status::Arguments),
    /// The recorded decisions, newest first, with their reasons
    Decisions(decisions::Arguments),
    /// Derive a recorded decision again and say whether it is equal, field by field
    Replay(replay::Arguments),
    /// Whether the store is what the keeper wrote: its audit log, a chain of hashes
    #[command(subcommand)]
    Audit(audit::Command),
    /// Back the keeper's store up while it runs
    #[command(subcommand)]
    Store(store::Command),
    /// The history of what was seen: migrate, look, export, keep it small
    #[command(subcommand)]
    Db(db::Command),
    /// Bring everything home: simulate, show, confirm, send
    EmergencyExit(emergency_exit::Arguments),
    /// Look at everything a keeper needs and say what to do; nothing is sent or changed
    Doctor(doctor::Arguments),
    /// Ask each source of market data once: value, age, lag, and whether it agrees with the chain
    Market(market::Arguments),
    /// Work with the configuration file
    #[command(subcommand)]
    Config(config::Command),
    /// What a deployment would do, and what governance has to sign; or deploy on the development chain
    Deploy(deploy::Arguments),
    /// Take policies through history, side by side with what they must beat
    Backtest(backtest::Arguments),
    /// More than a hundred crises, those that were and made-up ones: what trips, when, and what is lost
    Scenarios(scenarios::Arguments),
    /// Market history in files: check it, fix its content by hashes, make some up
    #[command(subcommand)]
    Data(data::Command),
    /// Explain each venue's risk score, part by part, with source and age of every input
    Risk(risk::Arguments),
    /// Transactions of a Safe: propose, verify offline, sign, execute
    #[command(subcommand)]
    Safe(Box<safe::Command>),
    /// A local chain with the real protocols, a private relay and a KMS endpoint
    Devnet(devnet::Arguments),
    /// The whole story on a local chain, from deposit to redemption
    Story(story::Arguments),
    /// Incidents P0 to P3 on a local chain, each detected, answered and timed
    Drill(drill::Arguments),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::init(cli.log_format);
    // The first provider that is installed stays; there is no other in this binary.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("ballast: the runtime does not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(async {
        match cli.command {
            Command::Run(arguments) => run::run(arguments).await,
            Command::Status(arguments) => status::run(arguments).await,
            Command::Decisions(arguments) => decisions::run(arguments).await,
            Command::Replay(arguments) => replay::run(arguments).await,
            Command::Audit(command) => audit::run(command).await,
            Command::Store(command) => store::run(command).await,
            Command::Db(command) => db::run(command).await,
            Command::EmergencyExit(arguments) => emergency_exit::run(arguments).await,
            Command::Doctor(arguments) => doctor::run(arguments).await,
            Command::Market(arguments) => market::run(arguments).await,
            Command::Config(command) => config::run(command).await,
            Command::Deploy(arguments) => deploy::run(arguments).await,
            Command::Backtest(arguments) => backtest::run(arguments),
            Command::Scenarios(arguments) => scenarios::run(&arguments).await,
            Command::Data(command) => data::run(command).await,
            Command::Risk(arguments) => risk::run(&arguments),
            Command::Safe(command) => safe::run(*command).await,
            Command::Devnet(arguments) => devnet::run(arguments).await,
            Command::Story(arguments) => story::run(arguments).await,
            Command::Drill(arguments) => drill::run(arguments).await,
        }
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("ballast: {}", output::chain(&error));
            ExitCode::FAILURE
        }
    }
}
