//! Which coins the vault may be in, and what is taken of the pool that leads to them.

use ballast_backtest::{CoinSettings, FEE_ONE};
use ballast_risk::Stablecoin;

/// What may be said of the pool.
const KEYS: &str = "amplification (1 to 1000000), fee_ppm (0 to 10000), depth (1000000 to 100000000000 USD)";

/// From `usdc,usdt,dai` and `key=value` texts.
///
/// # Errors
/// What is not one of them, with what was expected.
pub(super) fn parse(assets: &str, pool: &[String]) -> Result<CoinSettings, String> {
    let mut settings = CoinSettings::default();
    let mut usdc = false;
    for name in assets.split(',') {
        match name {
            "usdc" => usdc = true,
            "usdt" => settings.coins.push(Stablecoin::Usdt),
            "dai" => settings.coins.push(Stablecoin::Dai),
            _ => {
                return Err(format!("--assets {assets}: {name:?} is not known, expected usdc and any of usdt and dai"));
            }
        }
    }
    if !usdc {
        return Err(format!("--assets {assets}: usdc is the vault's own asset and must be among them"));
    }
    settings.coins.sort_unstable();
    if settings.coins.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(format!("--assets {assets} names a coin twice"));
    }
    for text in pool {
        let (key, value) = text.split_once('=').ok_or_else(|| format!("--pool {text:?} is no key=value"))?;
        let number = |least: u64, most: u64| -> Result<u64, String> {
            let number = value.parse().ok().filter(|number| (least..=most).contains(number));
            number.ok_or_else(|| format!("--pool {text}: expected {KEYS}"))
        };
        match key {
            "amplification" => settings.amplification = number(1, 1_000_000)?,
            "fee_ppm" => settings.fee = u128::from(number(0, 10_000)?) * (FEE_ONE / 1_000_000),
            "depth" => settings.depth = number(1_000_000, 100_000_000_000)? as f64,
            _ => return Err(format!("--pool {key:?} is no parameter, expected {KEYS}")),
        }
    }
    if settings.coins.is_empty() && !pool.is_empty() {
        return Err("--pool is of use only with --assets usdc,usdt, usdc,dai or usdc,usdt,dai".into());
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(assets: &str, pool: &[&str]) -> Result<CoinSettings, String> {
        parse(assets, &pool.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn coins_and_what_is_said_of_the_pool_are_taken_as_they_are_written() {
        assert_eq!(of("usdc", &[]).unwrap(), CoinSettings::default());
        let found = of("usdc,usdt,dai", &["amplification=100", "fee_ppm=150", "depth=7000000"]).unwrap();
        assert_eq!(found.coins, [Stablecoin::Dai, Stablecoin::Usdt]);
        assert_eq!((found.amplification, found.fee, found.depth), (100, 1_500_000, 7e6));
    }

    #[test]
    fn what_is_not_known_is_refused_with_what_was_expected() {
        for (assets, pool, expected) in [
            ("usdc,eth", &[][..], "usdt and dai"),
            ("usdt", &[], "must be among them"),
            ("usdc,dai,dai", &[], "twice"),
            ("usdc", &["depth=5000000"], "--assets"),
            ("usdc,dai", &["depth"], "key=value"),
            ("usdc,dai", &["depth=5"], "1000000 to"),
            ("usdc,dai", &["fee_ppm=10001"], "0 to 10000"),
            ("usdc,dai", &["width=5"], "amplification"),
        ] {
            let error = of(assets, pool).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
