//! Numbers: what comes out of adding, multiplying and so on, exactly where whole numbers are concerned.

use crate::schema::SchemaColumn;
use floe_kernel::value::{Kind, Value};
use serde_json::{Number, Value as Json};
use std::fmt;

/// What is done with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
}

/// A number that a caller gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Operand {
    /// It, if it is whole and can be said exactly.
    whole: Option<i64>,
    /// It, or the nearest that there is.
    float: f64,
}

impl Operand {
    /// Reads it; `None` for what is no number.
    pub(super) fn read(json: &Json) -> Option<Self> {
        json.as_number().and_then(Self::of)
    }

    fn of(number: &Number) -> Option<Self> {
        let float = number.as_f64()?;
        Some(Self { whole: number.as_i64().or_else(|| whole(float)), float })
    }

    fn of_float(float: f64) -> Self {
        Self { whole: whole(float), float }
    }

    pub(super) fn is_zero(self) -> bool {
        self.float == 0.0
    }
}

/// A float as a whole number, if it is one for sure.
fn whole(float: f64) -> Option<i64> {
    (float.fract() == 0.0 && float.abs() < 9.0e15).then_some(float as i64)
}

/// Why nothing comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// It is larger than numbers of this kind can be.
    Over(Kind),
    /// It is smaller than numbers of this kind can be.
    Under(Kind),
    /// It is no number, as a root of a negative one.
    NoNumber,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over(Kind::Float) => write!(f, "would overflow maximum value of {:e}", f64::MAX),
            Self::Under(Kind::Float) => write!(f, "would underflow minimum value of {:e}", f64::MIN),
            Self::Over(_) => write!(f, "would overflow maximum value of {}", i64::MAX),
            Self::Under(_) => write!(f, "would underflow minimum value of {}", i64::MIN),
            Self::NoNumber => f.write_str("result is not a number"),
        }
    }
}

/// Computes; nothing counts as 0. A bound is what the outcome is kept to: the largest, or (of a subtraction or a division)
/// the smallest. In a column of whole numbers, the outcome is rounded, halves away from zero.
pub(super) fn compute(
    how: Arithmetic,
    kind: Kind,
    before: &Value,
    by: Operand,
    bound: Option<Operand>,
) -> Result<Value, Broken> {
    let is_floor = matches!(how, Arithmetic::Subtract | Arithmetic::Divide);
    if kind == Kind::Float {
        let before = if let Value::Float(number) = before { *number } else { 0.0 };
        let after = float(how, before, by.float);
        if after.is_nan() {
            return Err(Broken::NoNumber);
        }
        let after = bound.map_or(after, |bound| if is_floor { after.max(bound.float) } else { after.min(bound.float) });
        // One zero is enough: the other one looks different on the wire.
        return if after.is_finite() { Ok(Value::Float(after + 0.0)) } else { Err(beyond(after > 0.0, kind)) };
    }
    let before = if let Value::Integer(number) = before { *number } else { 0 };
    let exact = by.whole.and_then(|by| exact(how, before.into(), by));
    let after = match exact {
        Some(after) => after,
        None => rounded(float(how, before as f64, by.float))?,
    };
    let after = match bound {
        None => after,
        Some(Operand { float, .. }) if float.is_nan() => return Err(Broken::NoNumber),
        Some(bound) if is_floor => after.max(bound.whole.map_or(bound.float.ceil() as i128, i128::from)),
        Some(bound) => after.min(bound.whole.map_or(bound.float.floor() as i128, i128::from)),
    };
    i64::try_from(after).map(Value::Integer).map_err(|_| beyond(after > 0, kind))
}

fn beyond(above: bool, kind: Kind) -> Broken {
    if above { Broken::Over(kind) } else { Broken::Under(kind) }
}

/// Between whole numbers. `None` where the outcome is too large, or isn't one and no rounding is enough.
fn exact(how: Arithmetic, before: i128, by: i64) -> Option<i128> {
    let wide = i128::from(by);
    match how {
        Arithmetic::Add => before.checked_add(wide),
        Arithmetic::Subtract => before.checked_sub(wide),
        Arithmetic::Multiply => before.checked_mul(wide),
        Arithmetic::Divide => {
            let (quotient, rest) = (before.checked_div(wide)?, before.checked_rem(wide)?);
            let away = if (before < 0) == (wide < 0) { 1 } else { -1 };
            Some(if rest.abs() * 2 >= wide.abs() { quotient + away } else { quotient })
        }
        Arithmetic::Modulo => before.checked_rem(wide),
        Arithmetic::Power => before.checked_pow(u32::try_from(by).ok()?),
    }
}

fn float(how: Arithmetic, before: f64, by: f64) -> f64 {
    match how {
        Arithmetic::Add => before + by,
        Arithmetic::Subtract => before - by,
        Arithmetic::Multiply => before * by,
        Arithmetic::Divide => before / by,
        Arithmetic::Modulo => before % by,
        Arithmetic::Power => before.powf(by),
    }
}

/// As a whole number; what is too large stays too large.
fn rounded(number: f64) -> Result<i128, Broken> {
    if number.is_nan() { Err(Broken::NoNumber) } else { Ok(number.round() as i128) }
}

/// Adds to a number, and keeps it one of its column. Other than with an operator, a limit is not to be passed, and nothing
/// is rounded.
///
/// # Errors
/// The rule that the outcome breaks.
pub(crate) fn added(column: &SchemaColumn, value: &Value, by: f64, limit: Option<f64>) -> Result<Value, Added> {
    let by = Operand::of_float(by);
    match column.kind {
        Kind::Float => {}
        Kind::Integer if by.whole.is_some() => {}
        Kind::Integer => return Err(Added::NoInteger),
        _ => return Err(Added::NoNumber),
    }
    let sum = compute(Arithmetic::Add, column.kind, value, by, None).map_err(|_| Added::BeyondLimit)?;
    let as_float = match &sum {
        Value::Integer(number) => *number as f64,
        Value::Float(number) => *number,
        _ => return Err(Added::NoNumber),
    };
    if limit.is_some_and(|limit| if by.float > 0.0 { as_float > limit } else { as_float < limit }) {
        return Err(Added::BeyondLimit);
    }
    column.check(sum).map_err(Added::BeyondRange)
}

/// Why a number can't be added.
#[derive(Debug, PartialEq)]
pub(crate) enum Added {
    /// The column holds no numbers.
    NoNumber,
    /// The column holds integers, and what is to be added is none.
    NoInteger,
    /// The sum is beyond what the caller allows, or what a number can be.
    BeyondLimit,
    /// The sum is beyond what the column allows; the sentence says so.
    BeyondRange(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use Arithmetic::*;
    use serde_json::json;

    fn of(how: Arithmetic, before: i64, by: &Json, bound: Option<&Json>) -> Result<i64, Broken> {
        let operand = |json: &Json| Operand::read(json).unwrap();
        match compute(how, Kind::Integer, &Value::Integer(before), operand(by), bound.map(operand))? {
            Value::Integer(number) => Ok(number),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn whole_numbers_stay_exact_however_large() {
        assert_eq!(of(Add, i64::MAX - 1, &json!(1), None), Ok(i64::MAX));
        assert_eq!(of(Multiply, 3_037_000_499, &json!(3_037_000_499_i64), None), Ok(9_223_372_030_926_249_001));
        assert_eq!(of(Divide, i64::MAX, &json!(1), None), Ok(i64::MAX));
        assert_eq!(of(Power, 3, &json!(39), None), Ok(4_052_555_153_018_976_267));
        assert_eq!(of(Modulo, i64::MIN, &json!(-1), None), Ok(0));
        assert_eq!(of(Subtract, 0, &json!(i64::MAX), None), Ok(-i64::MAX));
    }

    #[test]
    fn what_is_not_whole_is_rounded() {
        for (by, expected) in [(json!(2), 4), (json!(3), 2), (json!(-2), -4), (json!(4), 2), (json!(0.5), 14)] {
            assert_eq!(of(Divide, 7, &by, None), Ok(expected), "7 / {by}");
        }
        assert_eq!(of(Add, 1, &json!(0.5), None), Ok(2));
        assert_eq!(of(Power, 4, &json!(0.5), None), Ok(2));
        assert_eq!(of(Power, 2, &json!(-1), None), Ok(1));
        assert_eq!(of(Modulo, -7, &json!(3), None), Ok(-1));
    }

    #[test]
    fn bounds_hold_the_outcome_also_where_it_would_be_too_large() {
        assert_eq!(of(Add, 8, &json!(5), Some(&json!(10))), Ok(10));
        assert_eq!(of(Add, 12, &json!(5), Some(&json!(10))), Ok(10));
        assert_eq!(of(Subtract, 2, &json!(5), Some(&json!(0))), Ok(0));
        assert_eq!(of(Divide, 10, &json!(100), Some(&json!(0.5))), Ok(1));
        assert_eq!(of(Power, 10, &json!(1000), Some(&json!(99.9))), Ok(99));
        assert_eq!(of(Multiply, i64::MAX, &json!(2), Some(&json!(7))), Ok(7));
    }

    #[test]
    fn what_is_no_number_of_the_kind_is_refused() {
        assert_eq!(of(Add, i64::MAX, &json!(1), None), Err(Broken::Over(Kind::Integer)));
        assert_eq!(of(Multiply, i64::MIN, &json!(1e300), None), Err(Broken::Under(Kind::Integer)));
        assert_eq!(of(Power, 10, &json!(1000), None), Err(Broken::Over(Kind::Integer)));
        assert_eq!(of(Power, 0, &json!(-1), None), Err(Broken::Over(Kind::Integer)));
        assert_eq!(of(Power, -4, &json!(0.5), None), Err(Broken::NoNumber));
        let tenfold = compute(Multiply, Kind::Float, &Value::Float(f64::MAX), Operand::of_float(10.0), None);
        assert_eq!(tenfold, Err(Broken::Over(Kind::Float)));
        assert_eq!(Broken::Over(Kind::Float).to_string(), "would overflow maximum value of 1.7976931348623157e308");
    }
}
