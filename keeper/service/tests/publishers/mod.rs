//! Local publishers of market data in the shapes of Hermes, CoinGecko and DefiLlama, which say what they are told to.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use axum::{
    Json, Router,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

const DAY: u64 = 86_400;
/// USDC's feed at Pyth.
pub const PYTH_USDC: &str = "eaa020c61cc479712813461ce153894a96a6c00b21ed0cfc2798d1f9a9e9c94a";

/// What a publisher does with a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Says {
    /// This value, which is so many seconds old.
    Value(f64, u64),
    /// Something that is no answer.
    Rubbish,
    Fails(u16),
    /// Nothing, ever.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Pyth,
    CoinGecko,
    /// DefiLlama's current prices.
    Llama,
    /// alternative.me's index of fear and greed.
    FearGreed,
    /// DefiLlama's list of hacks, with Aave in it if something was lost.
    Hacks,
    /// Glassnode's ratio of market value to realised value.
    Mvrv,
}

struct Script {
    shape: Shape,
    says: Says,
    asked: u64,
}

/// One publisher, on a port of its own.
#[derive(Clone)]
pub struct Publisher {
    pub url: String,
    script: Arc<Mutex<Script>>,
}

impl Publisher {
    pub async fn start(shape: Shape, says: Says) -> Self {
        let script = Arc::new(Mutex::new(Script { shape, says, asked: 0 }));
        let router = Router::new().fallback(answer).with_state(script.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, script }
    }

    pub fn says(&self, says: Says) {
        self.script.lock().unwrap().says = says;
    }

    /// Requests until now.
    pub fn asked(&self) -> u64 {
        self.script.lock().unwrap().asked
    }

    /// `[[market.sources]]` that asks it each second: for USDC's price, or for the market's mood.
    pub fn source(&self) -> toml::Table {
        let (kind, gives) = match self.script.lock().unwrap().shape {
            Shape::Pyth => ("pyth", format!("id = '{PYTH_USDC}', subject = 'usdc'")),
            Shape::CoinGecko => ("coingecko", "id = 'usd-coin', subject = 'usdc'".to_owned()),
            Shape::Llama => ("defillama_prices", "id = 'coingecko:usd-coin', subject = 'usdc'".to_owned()),
            Shape::FearGreed => ("fear_greed", "subject = 'crypto'".to_owned()),
            Shape::Hacks => ("defillama_hacks", "id = 'Aave V3', subject = 'aave'".to_owned()),
            Shape::Mvrv => ("glassnode", "id = 'BTC', subject = 'btc', metric = 'mvrv_ratio'".to_owned()),
        };
        let (url, keyed) = (&self.url, kind == "glassnode");
        toml::from_str(&format!(
            "kind = '{kind}'\nurl = '{url}'\nkeyed = {keyed}\nperiod = 1\ntimeout = 1\ngives = [{{ {gives} }}]"
        ))
        .unwrap()
    }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, _request: Request) -> Response {
    let (shape, says) = {
        let mut script = script.lock().unwrap();
        script.asked += 1;
        (script.shape, script.says)
    };
    match says {
        Says::Value(value, age) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
            Json(body(shape, value, now - age)).into_response()
        }
        Says::Rubbish => (StatusCode::OK, "<html>maintenance</html>").into_response(),
        Says::Fails(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Says::Nothing => std::future::pending().await,
    }
}

fn body(shape: Shape, value: f64, time: u64) -> Value {
    match shape {
        Shape::Pyth => {
            let price = format!("{:.0}", value * 1e8);
            let price = json!({ "price": price, "conf": "60000", "expo": -8, "publish_time": time });
            json!({ "binary": { "encoding": "hex", "data": [] }, "parsed": [{ "id": PYTH_USDC, "price": price, "ema_price": price }] })
        }
        Shape::CoinGecko => json!({ "usd-coin": { "usd": value, "last_updated_at": time } }),
        Shape::FearGreed => {
            let day =
                json!({ "value": format!("{value:.0}"), "value_classification": "", "timestamp": time.to_string() });
            json!({ "name": "Fear and Greed Index", "data": [day], "metadata": { "error": null } })
        }
        Shape::Hacks => {
            let row = |name: &str, lost: f64| {
                json!({ "date": time - time % DAY, "name": name, "classification": "Protocol Logic", "technique": "Reentrancy",
                    "amount": lost, "chain": ["Ethereum"], "source": "https://example.org", "returnedFunds": null })
            };
            let rows = [row("Somebody Else", 5e6), row("Aave V3", value)];
            json!(rows[..if value > 0.0 { 2 } else { 1 }])
        }
        // A point is of the end of its day.
        Shape::Mvrv => json!([{ "t": time - time % DAY - DAY, "v": value }]),
        Shape::Llama => {
            let coin = json!({ "symbol": "USDC", "price": value, "timestamp": time, "confidence": 0.99 });
            json!({ "coins": { "coingecko:usd-coin": coin } })
        }
    }
}
