//! Sources of the market's indicators on their recorded answers.

use super::sources::{Case, bounds, http, id};
use ballast_feeds::{
    Feed, KeyPlace, KeyRing,
    sources::{
        circle::Circle,
        coinglass::{self, Coinglass, Figure},
        coinmarketcap::{self, CoinMarketCapFearGreed},
        cryptoquant::{self, CryptoQuant, Flow},
        deribit::Deribit,
        glassnode::{self, Glassnode, Mvrv},
        oneinch::{self, OneInch, Token},
    },
};
use ballast_types::Metric;

/// A source that wants a key: its name, the header with `key-one` in it, and itself at a URL with these keys.
pub struct Keyed {
    pub name: &'static str,
    pub header: &'static str,
    pub value: &'static str,
    pub variable: &'static str,
    pub answer: &'static str,
    pub build: fn(&str, &str) -> Box<dyn Feed>,
}

fn with(url: &str, place: KeyPlace, variable: &str, keys: &str) -> ballast_feeds::Http {
    http(url).with_keys(place, KeyRing::parse("test", variable, keys).unwrap())
}

pub fn mvrv(url: &str, keys: &str, measure: Mvrv) -> Glassnode {
    let http = with(url, KeyPlace::Header(glassnode::KEY_HEADER), glassnode::KEY_VARIABLE, keys);
    Glassnode::new(http, "BTC", measure, "btc", bounds()).unwrap()
}

pub fn perpetuals(url: &str, keys: &str, figure: Figure) -> Coinglass {
    let http = with(url, KeyPlace::Header(coinglass::KEY_HEADER), coinglass::KEY_VARIABLE, keys);
    let bounds = bounds().within(id("btc", Metric::OpenInterestUsd), 1e8, 5e11);
    Coinglass::new(http, "BTC", figure, "btc", bounds).unwrap()
}

pub fn one_inch(url: &str, keys: &str) -> OneInch {
    let http = with(url, KeyPlace::Bearer, oneinch::KEY_VARIABLE, keys);
    let token = Token::new("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "usdc").unwrap();
    OneInch::new(http, 1, vec![token], bounds())
}

pub fn flows(url: &str, keys: &str, flow: Flow) -> CryptoQuant {
    let http = with(url, KeyPlace::Bearer, cryptoquant::KEY_VARIABLE, keys);
    CryptoQuant::new(http, "usdc", flow, "usdc/exchanges", bounds()).unwrap()
}

pub fn sentiment(url: &str, keys: &str) -> CoinMarketCapFearGreed {
    let http = with(url, KeyPlace::Header(coinmarketcap::KEY_HEADER), coinmarketcap::KEY_VARIABLE, keys);
    CoinMarketCapFearGreed::new(http, "crypto/cmc-fear-greed").unwrap()
}

pub fn keyed() -> Vec<Keyed> {
    vec![
        Keyed {
            name: "glassnode",
            header: "x-api-key",
            value: "key-one",
            variable: glassnode::KEY_VARIABLE,
            answer: include_str!("../recorded/glassnode_mvrv.json"),
            build: |url, keys| Box::new(mvrv(url, keys, Mvrv::Ratio)),
        },
        Keyed {
            name: "coinglass",
            header: "cg-api-key",
            value: "key-one",
            variable: coinglass::KEY_VARIABLE,
            answer: include_str!("../recorded/coinglass_open_interest.json"),
            build: |url, keys| Box::new(perpetuals(url, keys, Figure::OpenInterest)),
        },
        Keyed {
            name: "1inch",
            header: "authorization",
            value: "Bearer key-one",
            variable: oneinch::KEY_VARIABLE,
            answer: include_str!("../recorded/oneinch_prices.json"),
            build: |url, keys| Box::new(one_inch(url, keys)),
        },
        Keyed {
            name: "cryptoquant",
            header: "authorization",
            value: "Bearer key-one",
            variable: cryptoquant::KEY_VARIABLE,
            answer: include_str!("../recorded/cryptoquant_inflow.json"),
            build: |url, keys| Box::new(flows(url, keys, Flow::In)),
        },
        Keyed {
            name: "coinmarketcap",
            header: "x-cmc_pro_api_key",
            value: "key-one",
            variable: coinmarketcap::KEY_VARIABLE,
            answer: include_str!("../recorded/coinmarketcap_fear_greed.json"),
            build: |url, keys| Box::new(sentiment(url, keys)),
        },
    ]
}

pub fn all() -> Vec<Case> {
    vec![
        Case {
            name: "glassnode",
            build: |url| Box::new(mvrv(url, "key-one", Mvrv::Ratio)),
            latest: include_str!("../recorded/glassnode_mvrv.json"),
            value: "/2/v",
            list: "",
            series: id("btc", Metric::MvrvRatio),
            expected: 2.117_092_551_8,
            history: Some((include_str!("../recorded/glassnode_mvrv.json"), "")),
        },
        Case {
            name: "1inch",
            build: |url| Box::new(one_inch(url, "key-one")),
            latest: include_str!("../recorded/oneinch_prices.json"),
            value: "/0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
            list: "",
            series: id("usdc", Metric::PriceUsd),
            expected: 0.999_912_345,
            history: None,
        },
        Case {
            name: "circle",
            build: |url| Box::new(Circle::new(http(url), "USDC", &["ETH", "SOL"], "usdc", bounds()).unwrap()),
            latest: include_str!("../recorded/circle_stablecoins.json"),
            value: "/data/1/totalAmount",
            list: "/data",
            series: id("usdc", Metric::SupplyUsd),
            expected: 51_068_788_776.5,
            history: None,
        },
        Case {
            name: "deribit",
            build: |url| Box::new(Deribit::new(http(url), "ETH", "eth", bounds()).unwrap()),
            latest: include_str!("../recorded/deribit_dvol.json"),
            value: "/result/data/3/4",
            list: "/result/data",
            series: id("eth", Metric::ImpliedVolatility),
            expected: 0.445_7,
            history: Some((include_str!("../recorded/deribit_dvol.json"), "/result/data")),
        },
        Case {
            name: "coinglass",
            build: |url| Box::new(perpetuals(url, "key-one", Figure::OpenInterest)),
            latest: include_str!("../recorded/coinglass_open_interest.json"),
            value: "/data/4/close",
            list: "/data",
            series: id("btc", Metric::OpenInterestUsd),
            expected: 61_234_567_890.0,
            history: Some((include_str!("../recorded/coinglass_open_interest.json"), "/data")),
        },
        Case {
            name: "cryptoquant",
            build: |url| Box::new(flows(url, "key-one", Flow::In)),
            latest: include_str!("../recorded/cryptoquant_inflow.json"),
            value: "/result/data/1/inflow_total",
            list: "/result/data",
            series: id("usdc/exchanges", Metric::InflowUsd),
            expected: 1_234_567_890.5,
            history: Some((include_str!("../recorded/cryptoquant_inflow.json"), "/result/data")),
        },
        Case {
            name: "coinmarketcap",
            build: |url| Box::new(sentiment(url, "key-one")),
            latest: include_str!("../recorded/coinmarketcap_fear_greed.json"),
            value: "/data/0/value",
            list: "/data",
            series: id("crypto/cmc-fear-greed", Metric::Index),
            expected: 53.0,
            history: Some((include_str!("../recorded/coinmarketcap_fear_greed.json"), "/data")),
        },
    ]
}
