//! `ballast data pull`

use crate::{
    data::{self, published},
    output,
};
use ballast_chain::{RpcPool, redact};
use ballast_feeds::{
    Http, HttpSettings, Span,
    calendar::{self, DAY},
    pull::{Archive, Gas, Lending, ListedPool, Prices, Pulled, REFUSED, Table, default_assets, default_pools, pull},
    sources::defillama::{PRICES_URL, YIELDS_URL},
};
use ballast_history::{MANIFEST, Manifest};
use clap::{Args, ValueEnum};
use eyre::WrapErr;
use std::{fs, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

/// Bound on one request to the RPC endpoint, waiting for its limit included.
const RPC_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Source {
    /// `lending_rates_daily`: supply rates and sizes of lending markets, from `DefiLlama`
    Lending,
    /// `stablecoin_prices_daily` and `eth_btc_daily`: open, high, low and close, from `DefiLlama`'s hourly prices
    Prices,
    /// `eth_gas_daily`: from the fee history of --rpc
    Gas,
    /// `mvrv`: MVRV of BTC as ratio and as z-score, from Glassnode
    Mvrv,
    /// `dex_prices`: stablecoins, now, from 1inch
    DexPrices,
    /// `usdc_supply`: by chain, now, from Circle
    UsdcSupply,
    /// `implied_volatility`: BTC and ETH by the hour, from Deribit
    ImpliedVolatility,
    /// `perpetuals`: open interest and funding of BTC and ETH, from Coinglass
    Perpetuals,
    /// `exchange_flows`: USDC and USDT by day, from `CryptoQuant`
    ExchangeFlows,
    /// `cmc_fear_greed`: by day, from `CoinMarketCap`
    CmcFearGreed,
    /// `exploits`: what was lost where, from `DefiLlama`
    Exploits,
    /// `audits`: how many reports are linked, now, from `DefiLlama`
    Audits,
    /// `bounties`: the most that is paid for a bug, now, from Immunefi
    Bounties,
    /// `cover`: capacity and price of --cover, now, from Nexus Mutual
    Cover,
}

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Directory to write to; made if it is not there. Files in it are replaced as a whole
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// First day
    #[arg(long, default_value = "2022-01-01", value_parser = crate::backtest::day)]
    since: u64,
    /// The day after the last; without it today, since today is not over
    #[arg(long, value_parser = crate::backtest::day)]
    until: Option<u64>,
    /// What to pull; without it lending and prices, and gas if there is an --rpc
    #[arg(long = "source", value_enum)]
    sources: Vec<Source>,
    #[command(flatten)]
    published: published::SourceArguments,
    /// A lending market in place of the usual ones: protocol,version,chain,asset,UUID as DefiLlama lists it; may be repeated
    #[arg(long = "pool", value_name = "POOL")]
    pools: Vec<ListedPool>,
    /// RPC endpoint for gas prices; an archive node is not needed
    #[arg(long, env = "BALLAST_PULL_RPC", hide_env_values = true, value_name = "URL")]
    rpc: Option<String>,
    #[arg(long, env = "BALLAST_DEFILLAMA_YIELDS_URL", default_value = YIELDS_URL, value_name = "URL")]
    yields_url: String,
    #[arg(long, env = "BALLAST_DEFILLAMA_PRICES_URL", default_value = PRICES_URL, value_name = "URL")]
    prices_url: String,
    /// Requests a minute to each API
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(2..))]
    requests_per_minute: u32,
    /// Print what was pulled as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> eyre::Result<ExitCode> {
    let now = data::now()?;
    let until = arguments.until.unwrap_or(now - now % DAY);
    if until > now {
        let (until, today) = (calendar::date(until), calendar::date(now));
        return output::misuse(format!("--until {until} is in the future, expected {today} at the latest"));
    }
    if arguments.since >= until {
        let (since, until) = (calendar::date(arguments.since), calendar::date(until));
        return output::misuse(format!("--since {since} is not before --until {until}, expected at least one day"));
    }
    if let Some(why) = arguments.published.misuse(&arguments.sources) {
        return output::misuse(why);
    }
    if arguments.sources.contains(&Source::Gas) && arguments.rpc.is_none() {
        return output::misuse("gas prices come from an RPC endpoint, expected one with --rpc or in BALLAST_PULL_RPC");
    }
    let tables = tables(&arguments, Span::new(arguments.since, until)?, now)?;
    let archive = Archive::open(&arguments.out)?;
    let mut all = Vec::new();
    for table in &tables {
        let pulled = pull(table.as_ref(), &archive, now).await?;
        if !arguments.json {
            output::say(told(&pulled))?;
        }
        all.push(pulled);
    }
    let manifest = Manifest::of(archive.directory())?;
    let path = archive.directory().join(MANIFEST);
    let beside = archive.directory().join(format!("{MANIFEST}.new"));
    fs::write(&beside, serde_json::to_vec_pretty(&manifest)?)
        .and_then(|()| fs::rename(&beside, &path))
        .wrap_err_with(|| format!("cannot write {}", path.display()))?;
    if arguments.json {
        output::json(&serde_json::json!({ "out": archive.directory(), "files": all, "manifest": manifest }))?;
    } else {
        output::say(format_args!("{}: {} files, version {}", path.display(), manifest.files.len(), manifest.version))?;
    }
    if all.iter().all(Pulled::is_whole) {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("ballast: not all files were written; what was pulled is kept, the same command goes on from there");
    Ok(ExitCode::FAILURE)
}

fn tables(arguments: &Arguments, span: Span, seed: u64) -> eyre::Result<Vec<Box<dyn Table>>> {
    let (usual, with_gas) = ([Source::Lending, Source::Prices], [Source::Lending, Source::Prices, Source::Gas]);
    let sources = match (arguments.sources.as_slice(), &arguments.rpc) {
        ([], None) => &usual[..],
        ([], Some(_)) => &with_gas[..],
        (named, _) => named,
    };
    let settings = HttpSettings::new(seed).limited(arguments.requests_per_minute, Duration::from_secs(60));
    let mut tables: Vec<Box<dyn Table>> = Vec::new();
    if sources.contains(&Source::Lending) {
        let pools = if arguments.pools.is_empty() { default_pools() } else { arguments.pools.clone() };
        tables.push(Box::new(Lending::new(Arc::new(Http::new(&arguments.yields_url, settings)?), pools, span)));
    }
    if sources.contains(&Source::Prices) {
        let http = Arc::new(Http::new(&arguments.prices_url, settings)?);
        for stable in [true, false] {
            tables.push(Box::new(Prices::new(Arc::clone(&http), default_assets(), stable, span)));
        }
    }
    if let Some(url) = arguments.rpc.as_ref().filter(|_| sources.contains(&Source::Gas)) {
        let pool = RpcPool::new(&[url], RPC_TIMEOUT)?;
        tables.push(Box::new(Gas::new(pool.primary().clone(), redact(url), span)));
    }
    for source in sources {
        tables.extend(published::table(*source, &arguments.published, settings, span, seed)?);
    }
    Ok(tables)
}

fn told(pulled: &Pulled) -> String {
    let Pulled { file, rows, refused, samples, resumed, failed } = pulled;
    let mut lines = vec![if pulled.is_whole() {
        format!("{file}: {rows} rows")
    } else {
        format!("{file}: NOT written, {} parts are missing", failed.len())
    }];
    if let Some((least, most)) = samples {
        lines.push(format!("  each of {least} to {most} samples"));
    }
    if *resumed > 0 {
        lines.push(format!("  {resumed} parts were there from an earlier pull"));
    }
    if *refused > 0 {
        lines.push(format!("  {refused} rows of the answers were refused; which and why is in {REFUSED}"));
    }
    lines.extend(failed.iter().map(|why| format!("  {why}")));
    lines.join("\n")
}
