//! What is said of numbers that are too small or too large.

use std::fmt::Display;

/// The rule of a number from `min` to `max`, as the contract words it: with commas between thousands.
#[must_use]
pub fn range_rule(min: impl Display, max: impl Display) -> String {
    format!("Value must be a valid range between {} and {}", grouped(&min.to_string()), grouped(&max.to_string()))
}

fn grouped(number: &str) -> String {
    let digits = number.trim_start_matches('-');
    let mut text = String::from(if number.starts_with('-') && digits != "0" { "-" } else { "" });
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        let of = |min: i64, max: i64| range_rule(min, max).replace("Value must be a valid range between ", "");
        assert_eq!(of(0, 100), "0 and 100");
        assert_eq!(of(-1000, 1_073_741_824), "-1,000 and 1,073,741,824");
        assert_eq!(of(i64::MIN, i64::MAX), "-9,223,372,036,854,775,808 and 9,223,372,036,854,775,807");
    }
}
