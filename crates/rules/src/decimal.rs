//! Exact decimals: how numbers, and text that is a number, are compared (contract section 6).
//!
//! Nothing is rounded: `0.1` is a tenth, 2^60 + 1 differs from 2^60, and numbers of four hundred digits differ in
//! the last. Survey scores fit in [`Form::Short`], which compares as integers without allocation; only what does
//! not fit becomes a list of digits.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// Digits that a short form may have after the point, and a text may have to take the fast path.
const SHORT_DIGITS: usize = 18;

const POWERS: [i128; SHORT_DIGITS + 1] = {
    let mut powers = [1_i128; SHORT_DIGITS + 1];
    let mut at = 1;
    while at <= SHORT_DIGITS {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// An exact decimal number.
#[derive(Debug, Clone)]
pub struct Decimal(Form);

#[derive(Debug, Clone)]
enum Form {
    /// `units / 10^scale`; `units` is below 2^64 in size and `scale` at most [`SHORT_DIGITS`], so that bringing
    /// two of them to the same scale stays within 128 bits.
    Short { units: i128, scale: u8 },
    /// `±0.d₁d₂d₃… × 10^order`.
    Long(Digits),
}

/// Digits without leading or trailing zeros; none for zero.
#[derive(Debug, Clone)]
struct Digits {
    negative: bool,
    digits: Vec<u8>,
    order: i128,
}

impl Decimal {
    /// The number that a JSON value is: a number, or text that is wholly one.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => Some(Self::of_number(number)),
            Value::String(text) => Self::parse(text),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// A JSON number, by its shortest decimal text: the JSON `0.1` is a tenth and not the binary fraction beside it.
    #[must_use]
    pub fn of_number(number: &Number) -> Self {
        if let Some(units) = number.as_i64() {
            return Self::short(i128::from(units), 0);
        }
        if let Some(units) = number.as_u64() {
            return Self::short(i128::from(units), 0);
        }
        number
            .as_f64()
            .and_then(short_float)
            .or_else(|| Self::parse(&number.to_string()))
            .unwrap_or(Self::short(0, 0))
    }

    /// Text that, after trimming, is wholly `[+-]?digits[.digits][e[+-]digits]`. Exponents beyond 10^38 all count
    /// as the largest one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.trim().as_bytes();
        let (negative, bytes) = match bytes.first()? {
            b'-' => (true, &bytes[1..]),
            b'+' => (false, &bytes[1..]),
            _ => (false, bytes),
        };
        let whole = leading_digits(bytes);
        if whole == 0 {
            return None;
        }
        let mut rest = &bytes[whole..];
        let mut fraction: &[u8] = &[];
        if let Some((b'.', after)) = rest.split_first() {
            fraction = &after[..leading_digits(after)];
            if fraction.is_empty() {
                return None;
            }
            rest = &after[fraction.len()..];
        }
        let whole = &bytes[..whole];
        if rest.is_empty() && whole.len() + fraction.len() <= SHORT_DIGITS {
            let units =
                whole.iter().chain(fraction).fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
            let units = if negative { -units } else { units };
            return Some(Self::short(i128::from(units), fraction.len()));
        }
        let exponent = if rest.is_empty() { 0 } else { exponent(rest)? };
        Some(Self::from_digits(negative, whole, fraction, exponent))
    }

    /// The same text for equal numbers, and for no others: `-0.125e3`.
    #[must_use]
    pub fn canonical(&self) -> String {
        let Digits { negative, digits, order } = self.to_digits();
        if digits.is_empty() {
            return "0".to_owned();
        }
        let sign = if negative { "-" } else { "" };
        let digits: String = digits.into_iter().map(char::from).collect();
        format!("{sign}0.{digits}e{order}")
    }

    /// Rounded half away from zero to `places` digits after the point, as text; `None` for numbers of more than
    /// 400 digits before the point.
    #[must_use]
    pub fn to_fixed(&self, places: usize) -> Option<String> {
        let Digits { negative, mut digits, order } = self.to_digits();
        let order = i32::try_from(order.clamp(-10_000, 10_000)).ok()?;
        if order > 400 {
            return None;
        }
        // `scaled` becomes the digits of the number times 10^places, rounded to a whole number.
        let kept = i64::from(order) + i64::try_from(places).ok()?;
        let mut scaled = match usize::try_from(kept) {
            Err(_) => Vec::new(),
            Ok(kept) => {
                let up = digits.get(kept).is_some_and(|digit| *digit >= b'5');
                digits.resize(kept, b'0');
                if up {
                    increment(&mut digits);
                }
                digits
            }
        };
        if scaled.len() <= places {
            let zeros = places + 1 - scaled.len();
            scaled.splice(0..0, std::iter::repeat_n(b'0', zeros));
        }
        let nonzero = scaled.iter().any(|digit| *digit != b'0');
        let mut text = String::with_capacity(scaled.len() + 2);
        if negative && nonzero {
            text.push('-');
        }
        let point = scaled.len() - places;
        for (at, digit) in scaled.iter().enumerate() {
            if at == point {
                text.push('.');
            }
            text.push(char::from(*digit));
        }
        Some(text)
    }

    /// The number as an `i64`, when it is whole and fits.
    #[must_use]
    pub fn to_i64(&self) -> Option<i64> {
        match &self.0 {
            Form::Short { units, scale } => {
                let power = POWERS[usize::from(*scale)];
                if units % power == 0 { i64::try_from(units / power).ok() } else { None }
            }
            Form::Long(_) => None,
        }
    }

    const fn short(units: i128, scale: usize) -> Self {
        Self(Form::Short { units, scale: scale as u8 })
    }

    fn from_digits(negative: bool, whole: &[u8], fraction: &[u8], exponent: i128) -> Self {
        let length = |digits: &[u8]| i128::try_from(digits.len()).unwrap_or(i128::MAX);
        let mut digits: Vec<u8> = whole.iter().chain(fraction).copied().collect();
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..zeros);
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.is_empty() {
            return Self::short(0, 0);
        }
        let order =
            exponent.saturating_add(length(whole)).saturating_sub(i128::try_from(zeros).unwrap_or(i128::MAX));
        if digits.len() <= SHORT_DIGITS {
            let scale = length(&digits).saturating_sub(order);
            let units = digits.iter().fold(0_i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
            let units = if negative { -units } else { units };
            match usize::try_from(scale) {
                Ok(scale) if scale <= SHORT_DIGITS => return Self::short(units, scale),
                Err(_) if order <= SHORT_DIGITS as i128 => {
                    if let Ok(up) = usize::try_from(-scale) {
                        return Self::short(units * POWERS[up], 0);
                    }
                }
                Ok(_) | Err(_) => {}
            }
        }
        Self(Form::Long(Digits { negative, digits, order }))
    }

    fn to_digits(&self) -> Digits {
        match &self.0 {
            Form::Long(digits) => digits.clone(),
            Form::Short { units, scale } => {
                let mut digits = units.unsigned_abs().to_string().into_bytes();
                let order = digits.len() as i128 - i128::from(*scale);
                while digits.last() == Some(&b'0') {
                    digits.pop();
                }
                Digits { negative: *units < 0, digits, order }
            }
        }
    }
}

/// A float of at most 15 significant digits, without printing it. A decimal of that length that rounds to the
/// float is the only one of that length which does, hence its shortest text.
fn short_float(float: f64) -> Option<Decimal> {
    const EXACT: f64 = 1e15;
    for (scale, power) in POWERS.iter().enumerate().take(7) {
        let power = *power as f64;
        let units = (float * power).round();
        if units.abs() >= EXACT {
            return None;
        }
        if units / power == float {
            return Some(Decimal::short(units as i128, scale));
        }
    }
    None
}

fn leading_digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// The whole rest of the text as an exponent: `e5`, `E-3`.
fn exponent(rest: &[u8]) -> Option<i128> {
    let (b'e' | b'E', rest) = rest.split_first()? else { return None };
    let (negative, digits) = match rest.first()? {
        b'-' => (true, &rest[1..]),
        b'+' => (false, &rest[1..]),
        _ => (false, rest),
    };
    if digits.is_empty() || leading_digits(digits) != digits.len() {
        return None;
    }
    // A quarter of the range leaves room for adding lengths.
    let size = digits.iter().fold(0_i128, |sum, digit| {
        sum.saturating_mul(10).saturating_add(i128::from(digit - b'0')).min(i128::MAX / 4)
    });
    Some(if negative { -size } else { size })
}

fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

impl Digits {
    fn compare(&self, other: &Self) -> Ordering {
        match (self.sign(), other.sign()) {
            (left, right) if left != right => left.cmp(&right),
            (0, _) => Ordering::Equal,
            (sign, _) => {
                // Digits have no trailing zeros, so the order of the lists is the order of the fractions.
                let size = self.order.cmp(&other.order).then_with(|| self.digits.cmp(&other.digits));
                if sign < 0 { size.reverse() } else { size }
            }
        }
    }

    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Form::Short { units: a, scale: x }, Form::Short { units: b, scale: y }) => match x.cmp(y) {
                Ordering::Equal => a.cmp(b),
                Ordering::Less => (a * POWERS[usize::from(y - x)]).cmp(b),
                Ordering::Greater => a.cmp(&(b * POWERS[usize::from(x - y)])),
            },
            _ => self.to_digits().compare(&other.to_digits()),
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}
