//! Rounding for display where the parts must add up to the whole that is shown above them.

use wmbus::Decimal;

/// The parts of a shown whole, each rounded to `places` decimals so that together they are the rounded sum exactly.
///
/// The whole is rounded half up; then the parts are cut down and the missing steps go to those that lost most (the first
/// of equals). A part is never farther than one step from its exact value. `None` where a number has too many digits.
pub fn shown(parts: &[Decimal], places: u8) -> Option<(Decimal, Vec<Decimal>)> {
    let finest = parts
        .iter()
        .map(|part| part.exponent)
        .min()
        .unwrap_or(0)
        .min(-i8::try_from(places).ok()?);
    let exponent = -i8::try_from(places).ok()?;
    let step = 10_i128.checked_pow(u32::try_from(i32::from(exponent) - i32::from(finest)).ok()?)?;
    let exact = parts
        .iter()
        .map(|part| {
            let power = u32::try_from(i32::from(part.exponent) - i32::from(finest)).ok()?;
            i128::from(part.mantissa).checked_mul(10_i128.checked_pow(power)?)
        })
        .collect::<Option<Vec<i128>>>()?;
    let sum = exact
        .iter()
        .try_fold(0_i128, |sum, part| sum.checked_add(*part))?;
    let whole = sum.checked_mul(2)?.checked_add(step)?.div_euclid(step * 2);
    let mut steps: Vec<i128> = exact.iter().map(|part| part.div_euclid(step)).collect();
    let mut order: Vec<usize> = (0..exact.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(exact.get(*index).map_or(0, |part| part.rem_euclid(step))));
    let missing = usize::try_from(whole - steps.iter().sum::<i128>()).ok()?;
    for index in order.into_iter().take(missing) {
        if let Some(steps) = steps.get_mut(index) {
            *steps += 1;
        }
    }
    let decimal = |steps: i128| Some(Decimal::new(i64::try_from(steps).ok()?, exponent));
    Some((
        decimal(whole)?,
        steps.into_iter().map(decimal).collect::<Option<_>>()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn three_rooms_that_round_down_alone_make_the_whole_together() {
        let third = Decimal::new(3333, -3);
        let (whole, parts) = shown(&[third, third, Decimal::new(3334, -3)], 2).unwrap();
        assert_eq!(whole.to_string(), "10.00");
        let parts: Vec<_> = parts.iter().map(ToString::to_string).collect();
        assert_eq!(parts, ["3.33", "3.33", "3.34"]);
        assert_eq!(shown(&[Decimal::new(2845, -3)], 2).unwrap().0.to_string(), "2.85");
        assert_eq!(shown(&[], 2).unwrap().0.to_string(), "0.00");
    }

    proptest! {
        #[test]
        fn parts_add_up_and_stay_within_a_step(
            parts in prop::collection::vec((-9_000_000_i64..90_000_000, -6_i8..1), 0..12), places in 0_u8..4,
        ) {
            let parts: Vec<_> = parts.into_iter().map(|(m, e)| Decimal::new(m, e)).collect();
            let (whole, shown) = shown(&parts, places).unwrap();
            prop_assert_eq!(shown.iter().map(|part| part.mantissa).sum::<i64>(), whole.mantissa);
            let step = 10_i64.pow(6 - u32::from(places));
            for (exact, shown) in parts.iter().zip(&shown) {
                let off = exact.rescale(-6).unwrap() - shown.rescale(-6).unwrap();
                prop_assert!(off.abs() <= step, "{off}");
            }
        }
    }
}
