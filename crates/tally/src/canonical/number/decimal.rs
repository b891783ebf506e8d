//! A non-negative number as digits and a power of ten, or as a fraction whose decimal never ends.

/// Powers of ten beyond this are refused.
pub(super) const EXPONENT_MAX: i64 = 9_999;

/// More significant digits are a text, not an answer.
const DIGITS_MAX: i64 = 100;

/// Up to this many characters a number is written out; beyond, as digits and exponent.
const PLAIN_CHARS_MAX: i64 = 40;

/// `digits * 10^exponent / denominator`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    /// Without zeros at either end; empty is zero.
    digits: String,
    exponent: i64,
    /// 1 unless the decimal would never end; without common divisor with the rest.
    denominator: u128,
}

impl Decimal {
    pub(super) fn one() -> Self {
        Self { digits: "1".to_owned(), exponent: 0, denominator: 1 }
    }

    /// Reads digits with at most one point.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let exponent = -i64::try_from(fraction.len()).ok()?;
        Some(Self::trimmed(&format!("{whole}{fraction}"), exponent))
    }

    pub(super) fn is_ten(&self) -> bool {
        self.denominator == 1 && self.digits == "1" && self.exponent == 1
    }

    /// The number times `10^power`; `None` if the terms of a fraction become too long.
    pub(super) fn shifted(mut self, power: i64) -> Option<Self> {
        if self.digits.is_empty() || power == 0 {
            return Some(self);
        }
        if self.denominator == 1 {
            self.exponent += power;
            return Some(self);
        }
        let (numerator, denominator) = self.fraction()?;
        let factor = 10_u128.checked_pow(u32::try_from(power.unsigned_abs()).ok()?)?;
        if power > 0 {
            Self::ratio(numerator.checked_mul(factor)?, denominator)
        } else {
            Self::ratio(numerator, denominator.checked_mul(factor)?)
        }
    }

    /// The quotient; `None` by zero, or if the terms are too long to divide exactly.
    pub(super) fn over(&self, divisor: &Self) -> Option<Self> {
        let (a, b) = self.fraction()?;
        let (c, d) = divisor.fraction()?;
        Self::ratio(a.checked_mul(d)?, b.checked_mul(c)?)
    }

    /// The sum; `None` if the terms are too long.
    pub(super) fn plus(&self, other: &Self) -> Option<Self> {
        let (a, b) = self.fraction()?;
        let (c, d) = other.fraction()?;
        Self::ratio(a.checked_mul(d)?.checked_add(c.checked_mul(b)?)?, b.checked_mul(d)?)
    }

    /// The canonical text; `None` beyond the limits of digits and exponent.
    pub(super) fn written(&self, negative: bool) -> Option<String> {
        if self.digits.is_empty() {
            return Some("0".to_owned());
        }
        let sign = if negative { "-" } else { "" };
        if self.denominator != 1 {
            return Some(format!("{sign}{}/{}", self.fraction()?.0, self.denominator));
        }
        let count = i64::try_from(self.digits.len()).ok()?;
        let point = count + self.exponent;
        if self.exponent.abs() > EXPONENT_MAX || count > DIGITS_MAX {
            return None;
        }
        let digits = &self.digits;
        Some(if point.max(count).max(count - point) > PLAIN_CHARS_MAX {
            format!("{sign}{digits}e{}", self.exponent)
        } else if self.exponent >= 0 {
            format!("{sign}{digits}{}", zeros(self.exponent))
        } else if point <= 0 {
            format!("{sign}0.{}{digits}", zeros(-point))
        } else {
            let (whole, fraction) = digits.split_at(usize::try_from(point).ok()?);
            format!("{sign}{whole}.{fraction}")
        })
    }

    /// Numerator and denominator as integers.
    fn fraction(&self) -> Option<(u128, u128)> {
        let digits: u128 = if self.digits.is_empty() { 0 } else { self.digits.parse().ok()? };
        let power = 10_u128.checked_pow(u32::try_from(self.exponent.unsigned_abs()).ok()?)?;
        if self.exponent >= 0 {
            Some((digits.checked_mul(power)?, self.denominator))
        } else {
            Some((digits, self.denominator.checked_mul(power)?))
        }
    }

    fn ratio(numerator: u128, denominator: u128) -> Option<Self> {
        if denominator == 0 {
            return None;
        }
        let divisor = gcd(numerator, denominator);
        let (mut numerator, denominator) = (numerator / divisor, denominator / divisor);
        // A denominator of twos and fives ends as a decimal: make it a power of ten.
        let (mut rest, mut twos, mut fives) = (denominator, 0_u32, 0_u32);
        while rest.is_multiple_of(2) {
            rest /= 2;
            twos += 1;
        }
        while rest.is_multiple_of(5) {
            rest /= 5;
            fives += 1;
        }
        if rest != 1 {
            return Some(Self { digits: numerator.to_string(), exponent: 0, denominator });
        }
        let places = twos.max(fives);
        numerator = numerator.checked_mul(2_u128.checked_pow(places - twos)?)?;
        numerator = numerator.checked_mul(5_u128.checked_pow(places - fives)?)?;
        Some(Self::trimmed(&numerator.to_string(), -i64::from(places)))
    }

    fn trimmed(digits: &str, exponent: i64) -> Self {
        let significant = digits.trim_start_matches('0');
        let kept = significant.trim_end_matches('0');
        // Both lengths are those of one short text.
        let dropped = i64::try_from(significant.len() - kept.len()).unwrap_or(0);
        let exponent = if kept.is_empty() { 0 } else { exponent + dropped };
        Self { digits: kept.to_owned(), exponent, denominator: 1 }
    }
}

fn zeros(count: i64) -> String {
    "0".repeat(usize::try_from(count).unwrap_or(0))
}

fn gcd(one: u128, two: u128) -> u128 {
    if two == 0 { one } else { gcd(two, one % two) }
}
