//! The sources of `ballast data pull` that have a table of their own: what of each is asked for, with which key.

use super::pull::Source;
use ballast_feeds::{
    Bounds, Feed, Http, HttpSettings, KeyPlace, KeyRing, Span,
    pull::{Exploits, Observed, Reach, Table},
    sources::{
        circle::{self, Circle},
        coinglass::{self, Coinglass, Figure},
        coinmarketcap::{self, CoinMarketCapFearGreed},
        cryptoquant::{self, CryptoQuant, Flow},
        defillama::{API_URL, DefiLlamaAudits, DefiLlamaHacks, HackedProtocol},
        deribit::{self, Deribit},
        glassnode::{self, Glassnode, Mvrv},
        immunefi::{self, Immunefi},
        nexus_mutual::{self, NexusMutual},
        oneinch::{self, OneInch, Token},
    },
};
use ballast_types::{Metric, SeriesId};
use clap::{Args, ValueEnum};
use eyre::WrapErr;

/// Prices of coins that should be worth a dollar: UST fell below a cent, none rose above two dollars.
const DOLLAR_COINS: (f64, f64) = (0.001, 2.0);
/// On Ethereum.
const STABLECOINS: [(&str, &str); 4] = [
    ("0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", "usdc"),
    ("0xdac17f958d2ee523a2206206994597c13d831ec7", "usdt"),
    ("0x6b175474e89094c44da98b954eedeac495271d0f", "dai"),
    ("0x853d955acef822db058eb8505911ed77f175b99e", "frax"),
];
/// Circle's names of the chains that most USDC is on.
const CHAINS: [&str; 4] = ["ETH", "SOL", "BASE", "ARB"];
/// DefiLlama's names of protocols in its list of hacks, and the table of facts' ids.
const HACKED: [(&str, &str); 14] = [
    ("Aave V2", "aave-v2"),
    ("Aave V3", "aave-v3"),
    ("Compound V2", "compound-v2"),
    ("Compound V3", "compound-v3"),
    ("Curve", "curve"),
    ("Curve DEX", "curve"),
    ("Fluid", "fluid"),
    ("Morpho", "morpho-blue"),
    ("Morpho Blue", "morpho-blue"),
    ("Pendle", "pendle"),
    ("MakerDAO", "sky"),
    ("Uniswap V3", "uniswap-v3"),
    ("Yearn", "yearn-v3"),
    ("Yearn Finance", "yearn-v3"),
];
/// DefiLlama's slugs.
const AUDITED: [(&str, &str); 7] = [
    ("aave-v2", "aave-v2"),
    ("aave-v3", "aave-v3"),
    ("compound-v2", "compound-v2"),
    ("compound-v3", "compound-v3"),
    ("pendle", "pendle"),
    ("uniswap-v3", "uniswap-v3"),
    ("yearn-finance", "yearn-v3"),
];
/// Immunefi's slugs.
const PROGRAMMES: [(&str, &str); 6] = [
    ("aave", "aave-v3"),
    ("compoundfinance", "compound-v3"),
    ("morpho", "morpho-blue"),
    ("pendle", "pendle"),
    ("sky", "sky"),
    ("yearnfinance", "yearn-v3"),
];

#[derive(Debug, Args)]
pub(crate) struct SourceArguments {
    /// Where a --source is asked in the place of its own address, such as mvrv=https://proxy.example; may be repeated. Not for lending,
    /// prices and gas, which have options of their own
    #[arg(long = "source-url", value_name = "SOURCE=URL", value_parser = source_url)]
    urls: Vec<(Source, String)>,
    /// A product of Nexus Mutual and the protocol that it covers, such as 118=aave-v3, for --source cover; may be repeated
    #[arg(long = "cover", value_name = "PRODUCT=PROTOCOL", value_parser = product)]
    products: Vec<(u64, String)>,
}

fn source_url(text: &str) -> Result<(Source, String), String> {
    let (name, url) = text.split_once('=').ok_or("expected a source, = and a URL")?;
    Ok((Source::from_str(name, false)?, url.to_owned()))
}

fn product(text: &str) -> Result<(u64, String), String> {
    let (id, protocol) = text.split_once('=').ok_or("expected a product's number, = and a protocol")?;
    let id = id.parse().map_err(|_| format!("{id:?} is no number of a product"))?;
    SeriesId::new(protocol, Metric::CoverPrice).map_err(|error| error.to_string())?;
    Ok((id, protocol.to_owned()))
}

impl SourceArguments {
    /// What is wrong with the command line, if anything is.
    pub(super) fn misuse(&self, sources: &[Source]) -> Option<String> {
        if sources.contains(&Source::Cover) && self.products.is_empty() {
            return Some("--source cover needs --cover PRODUCT=PROTOCOL, expected at least one".to_owned());
        }
        let own = |source: Source| matches!(source, Source::Lending | Source::Prices | Source::Gas);
        self.urls.iter().find(|(source, _)| own(*source) || !sources.contains(source)).map(|(source, _)| {
            format!("--source-url is for {source:?}, expected one of the sources that --source names and has no URL option of its own")
        })
    }

    fn url<'a>(&'a self, source: Source, own: &'a str) -> &'a str {
        self.urls.iter().find(|(named, _)| *named == source).map_or(own, |(_, url)| url)
    }
}

/// One source's way to be asked.
struct Asking<'a> {
    url: &'a str,
    settings: HttpSettings,
}

impl Asking<'_> {
    fn open(&self) -> eyre::Result<Http> {
        Ok(Http::new(self.url, self.settings)?)
    }

    fn keyed(&self, name: &str, variable: &str, place: KeyPlace) -> eyre::Result<Http> {
        let keys = KeyRing::from_env(name, variable).wrap_err_with(|| format!("--source {name} needs a key"))?;
        Ok(self.open()?.with_keys(place, keys))
    }
}

/// The table of a source that has one of its own, and none for the others.
pub(super) fn table(
    source: Source,
    arguments: &SourceArguments,
    settings: HttpSettings,
    span: Span,
    now: u64,
) -> eyre::Result<Option<Box<dyn Table>>> {
    let asking = |own, limit: fn(HttpSettings) -> HttpSettings| Asking {
        url: arguments.url(source, own),
        // A test's server has no limit; whoever asks elsewhere says how often.
        settings: if arguments.urls.iter().any(|(named, _)| *named == source) { settings } else { limit(settings) },
    };
    let (over, at) = (Reach::Over(span), Reach::Now { at: now });
    let observed = |name, feeds, reach| -> eyre::Result<Option<Box<dyn Table>>> {
        Ok(Some(Box::new(Observed::new(name, feeds, reach))))
    };
    match source {
        Source::Lending | Source::Prices | Source::Gas => Ok(None),
        Source::Mvrv => {
            let asking = asking(glassnode::URL, glassnode::limit);
            let feed = |measure| -> eyre::Result<Box<dyn Feed>> {
                let http = asking.keyed("mvrv", glassnode::KEY_VARIABLE, KeyPlace::Header(glassnode::KEY_HEADER))?;
                Ok(Box::new(Glassnode::new(http, "BTC", measure, "btc", Bounds::default())?))
            };
            observed("mvrv", vec![feed(Mvrv::Ratio)?, feed(Mvrv::ZScore)?], over)
        }
        Source::DexPrices => {
            let http =
                asking(oneinch::URL, oneinch::limit).keyed("dex-prices", oneinch::KEY_VARIABLE, KeyPlace::Bearer)?;
            let (least, most) = DOLLAR_COINS;
            let (mut tokens, mut bounds) = (Vec::new(), Bounds::default());
            for (address, subject) in STABLECOINS {
                tokens.push(Token::new(address, subject)?);
                bounds = bounds.within(SeriesId::new(subject, Metric::PriceUsd)?, least, most);
            }
            observed("dex_prices", vec![Box::new(OneInch::new(http, 1, tokens, bounds))], at)
        }
        Source::UsdcSupply => {
            let http = asking(circle::URL, circle::limit).open()?;
            let feed = Circle::new(http, "USDC", &CHAINS, "usdc", Bounds::default())?;
            observed("usdc_supply", vec![Box::new(feed)], at)
        }
        Source::ImpliedVolatility => {
            let asking = asking(deribit::URL, deribit::limit);
            let feed = |currency, subject| -> eyre::Result<Box<dyn Feed>> {
                Ok(Box::new(Deribit::new(asking.open()?, currency, subject, Bounds::default())?))
            };
            observed("implied_volatility", vec![feed("BTC", "btc")?, feed("ETH", "eth")?], over)
        }
        Source::Perpetuals => {
            let asking = asking(coinglass::URL, coinglass::limit);
            let mut feeds: Vec<Box<dyn Feed>> = Vec::new();
            for (symbol, subject) in [("BTC", "btc"), ("ETH", "eth")] {
                for figure in [Figure::OpenInterest, Figure::Funding] {
                    let place = KeyPlace::Header(coinglass::KEY_HEADER);
                    let http = asking.keyed("perpetuals", coinglass::KEY_VARIABLE, place)?;
                    feeds.push(Box::new(Coinglass::new(http, symbol, figure, subject, Bounds::default())?));
                }
            }
            observed("perpetuals", feeds, over)
        }
        Source::ExchangeFlows => {
            let asking = asking(cryptoquant::URL, cryptoquant::limit);
            let mut feeds: Vec<Box<dyn Feed>> = Vec::new();
            for (token, subject) in [("usdc", "usdc/exchanges"), ("usdt_eth", "usdt/exchanges")] {
                for flow in [Flow::In, Flow::Out] {
                    let http = asking.keyed("exchange-flows", cryptoquant::KEY_VARIABLE, KeyPlace::Bearer)?;
                    feeds.push(Box::new(CryptoQuant::new(http, token, flow, subject, Bounds::default())?));
                }
            }
            observed("exchange_flows", feeds, over)
        }
        Source::CmcFearGreed => {
            let place = KeyPlace::Header(coinmarketcap::KEY_HEADER);
            let asking = asking(coinmarketcap::URL, coinmarketcap::limit);
            let http = asking.keyed("cmc-fear-greed", coinmarketcap::KEY_VARIABLE, place)?;
            let feed = CoinMarketCapFearGreed::new(http, "crypto/cmc-fear-greed")?;
            observed("cmc_fear_greed", vec![Box::new(feed)], over)
        }
        Source::Exploits => {
            let named = |(name, protocol): (&str, &str)| HackedProtocol::new(name, protocol);
            let protocols = HACKED.into_iter().map(named).collect::<Result<_, _>>()?;
            let http = asking(API_URL, |settings| settings).open()?;
            Ok(Some(Box::new(Exploits::new(DefiLlamaHacks::new(http, protocols, Bounds::default()), span.from()))))
        }
        Source::Audits => {
            let http = asking(API_URL, |settings| settings).open()?;
            observed("audits", vec![Box::new(DefiLlamaAudits::new(http, &AUDITED, Bounds::default())?)], at)
        }
        Source::Bounties => {
            let http = asking(immunefi::URL, immunefi::limit).open()?;
            observed("bounties", vec![Box::new(Immunefi::new(http, &PROGRAMMES, Bounds::default())?)], at)
        }
        Source::Cover => {
            let http = asking(nexus_mutual::URL, nexus_mutual::limit).open()?;
            let products: Vec<_> = arguments.products.iter().map(|(id, protocol)| (*id, protocol.as_str())).collect();
            observed("cover", vec![Box::new(NexusMutual::new(http, &products, Bounds::default())?)], at)
        }
    }
}
