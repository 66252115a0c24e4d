//! What reading a text takes: tokens, what they cost, and the limits that a text may not pass.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// Tokens of a request and of its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens that were sent.
    pub input_tokens: u64,
    /// Tokens that came back.
    pub output_tokens: u64,
}

impl Usage {
    /// In and out together.
    #[must_use]
    pub fn total(self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    fn add(&mut self, other: Usage) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
    }
}

/// About how many tokens a text has where nobody counted them: a token is some four characters.
pub(crate) fn estimated_tokens(text: &str) -> u64 {
    (text.chars().count() as u64).div_ceil(4)
}

/// An amount in whatever unit the prices are given in, in whole millionths of a millionth of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(u128);

/// Decimals that a price or a budget may have.
const DECIMALS: usize = 6;
const MILLION: u128 = 1_000_000;

impl Money {
    /// A decimal number that is not negative, with at most six decimals.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self(u128::from(millionths(text)?) * MILLION))
    }

    /// As a number of the unit, to be shown.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn to_f64(self) -> f64 {
        // Down to millionths: what is beyond is noise of the binary form.
        (self.0 as f64 / 1e6).round() / 1e6
    }
}

impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.to_f64())
    }
}

/// Millionths of a unit in a decimal number.
fn millionths(text: &str) -> Option<u64> {
    let text = text.trim();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() && part.is_empty()
        || !digits(whole)
        || !digits(part)
        || part.len() > DECIMALS
        || whole.len() > 9
    {
        return None;
    }
    format!("{whole:0>1}{part:0<DECIMALS$}").parse().ok()
}

/// What a million tokens cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    input: u64,
    output: u64,
}

impl Prices {
    /// From the prices of a million tokens sent and of a million tokens received, as decimal numbers.
    #[must_use]
    pub fn parse(input: &str, output: &str) -> Option<Self> {
        Some(Self { input: millionths(input)?, output: millionths(output)? })
    }

    /// What this many tokens cost.
    #[must_use]
    pub fn of(self, usage: Usage) -> Money {
        // Millionths of the unit for a million tokens: each token counts millionths of a millionth.
        let part = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        Money(part(usage.input_tokens, self.input) + part(usage.output_tokens, self.output))
    }
}

/// What reading one text took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// Passages whose answer was known already and cost nothing.
    pub cached_passages: u64,
    /// What the tokens cost, in the unit of the prices; none where no prices are set.
    pub estimate: Option<f64>,
}

/// One text's account: what was spent, and what may be.
#[derive(Debug)]
pub(crate) struct Ledger {
    prices: Option<Prices>,
    budget: Option<Money>,
    max_tokens: Option<u64>,
    state: Mutex<Account>,
}

#[derive(Debug, Default)]
struct Account {
    spent: Usage,
    /// About what the requests under way send.
    under_way: u64,
}

/// A request that is under way.
#[derive(Debug)]
pub(crate) struct UnderWay<'a> {
    ledger: &'a Ledger,
    input_tokens: u64,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.ledger.lock().under_way -= self.input_tokens;
    }
}

impl Ledger {
    pub(crate) fn new(prices: Option<Prices>, budget: Option<Money>, max_tokens: Option<u64>) -> Self {
        Self { prices, budget, max_tokens, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Account> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn spend(&self, usage: Usage) {
        self.lock().spent.add(usage);
    }

    pub(crate) fn spent(&self) -> Usage {
        self.lock().spent
    }

    pub(crate) fn price_of(&self, usage: Usage) -> Option<Money> {
        self.prices.map(|prices| prices.of(usage))
    }

    /// Enters a request that sends about so many tokens, until what it gives is dropped.
    ///
    /// # Errors
    /// The limit that it would pass, in words.
    pub(crate) fn begin(&self, input_tokens: u64) -> Result<UnderWay<'_>, String> {
        let mut account = self.lock();
        let mut then = account.spent;
        then.add(Usage { input_tokens: input_tokens.saturating_add(account.under_way), output_tokens: 0 });
        if let Some(limit) = self.limit_passed(then) {
            return Err(limit);
        }
        account.under_way += input_tokens;
        Ok(UnderWay { ledger: self, input_tokens })
    }

    /// The limit that so much would pass, in words.
    pub(crate) fn limit_passed(&self, usage: Usage) -> Option<String> {
        if let Some(limit) = self.max_tokens.filter(|limit| usage.total() > *limit) {
            return Some(format!("{limit} tokens (KGL_OPENAI_MAX_TOKENS_PER_JOB)"));
        }
        let price = self.price_of(usage)?;
        let limit = self.budget.filter(|limit| price > *limit)?;
        Some(format!("{limit} (KGL_OPENAI_BUDGET_PER_JOB)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact_decimals() {
        let prices = Prices::parse("0.15", "0.6").expect("prices");
        let usage = Usage { input_tokens: 1_000_000, output_tokens: 500_000 };
        assert_eq!(prices.of(usage), Money::parse("0.45").expect("money"));
        assert!((prices.of(usage).to_f64() - 0.45).abs() < 1e-12);
        assert_eq!(Money::parse("12").map(Money::to_f64), Some(12.0));
        assert_eq!(Money::parse(".5").map(|money| money.to_string()).as_deref(), Some("0.5"));
        for wrong in ["", ".", "-1", "1e3", "1,5", "1.2345678", "12345678901", "x"] {
            assert_eq!(Money::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_account_names_the_limit_that_is_passed() {
        let ledger = Ledger::new(Prices::parse("10", "20"), Money::parse("0.001"), Some(150));
        drop(ledger.begin(100).expect("exactly the budget"));
        assert!(ledger.begin(101).is_err_and(|limit| limit.contains("0.001 (KGL_OPENAI_BUDGET_PER_JOB)")));
        assert!(ledger.begin(151).is_err_and(|limit| limit.starts_with("150 tokens")));
        let under_way = ledger.begin(60).expect("room");
        assert!(ledger.begin(60).is_err(), "what is under way counts");
        drop(under_way);
        ledger.spend(Usage { input_tokens: 10, output_tokens: 40 });
        assert!(ledger.begin(11).is_err());
        let free = Ledger::new(None, Money::parse("0"), None);
        assert!(free.begin(1 << 40).is_ok(), "a budget without prices says nothing");
    }
}
