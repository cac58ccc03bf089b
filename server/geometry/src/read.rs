//! What shapes are on the wire.

use floe_kernel::value::BoundingBox;
use geo::{BoundingRect as _, Coord, Geometry, LineString, Point, Polygon};
use serde_json::Value as Json;
use std::fmt;

/// The most points of a shape. How two shapes lie to each other is worked out in one go, and a scribble crosses itself
/// as often as the square of this.
pub const MAX_POINTS: usize = 10_000;

/// What kind of shape something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One place: `[x, y]`.
    Point,
    /// Places in a row, two at least: `[[x, y], …]`.
    Line,
    /// An area, and the holes in it: rings of four places at least, the last the same as the first: `[[[x, y], …], …]`.
    Polygon,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Point, Self::Line, Self::Polygon];

    /// The name, as the API has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Point => "point",
            Self::Line => "linestring",
            Self::Polygon => "polygon",
        }
    }
}

/// A point, a line or a polygon.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    form: Form,
    pub(crate) geometry: Geometry<f64>,
    bounding_box: BoundingBox,
}

/// A rule, as a sentence, or a part of one.
type Rule = String;

impl Shape {
    /// Reads a shape of this form. A polygon of one ring may come without the outer brackets.
    ///
    /// # Errors
    /// The rule that it breaks, in the words that clients know.
    pub fn read(form: Form, json: &Json) -> Result<Self, Rule> {
        let rule = |rule: Rule| format!("Value must be a valid {}: {rule}", form.name());
        let list = json.as_array().ok_or_else(|| rule("Spatial value must be an array".into()))?;
        let geometry = match form {
            Form::Point => point(list).map(Geometry::from),
            Form::Line => line(list).map(Geometry::from),
            Form::Polygon => polygon(list).map(Geometry::from),
        };
        let geometry = geometry.map_err(rule)?;
        let bounding_box = bounding_box(&geometry).ok_or_else(|| rule("Spatial value must have points".into()))?;
        Ok(Self { form, geometry, bounding_box })
    }

    /// Reads a shape of whichever form it has: how deep its brackets are tells.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn read_any(list: &[Json]) -> Result<Self, Rule> {
        let first = list.first().and_then(Json::as_array);
        let form = match first.map(|first| first.first()) {
            None => Form::Point,
            Some(Some(Json::Array(_))) => Form::Polygon,
            Some(_) => Form::Line,
        };
        Self::read(form, &list.into())
    }

    /// Reads what [`Shape::text`] wrote. `None` for anything else.
    #[must_use]
    pub fn stored(text: &str) -> Option<Self> {
        let Json::Array(list) = serde_json::from_str(text).ok()? else { return None };
        Self::read_any(&list).ok()
    }

    /// What is kept of a shape that was read from this JSON: its numbers as they were given, without white space.
    #[must_use]
    pub fn text(&self, json: &Json) -> String {
        match self.form {
            Form::Polygon if is_one_ring(json) => format!("[{json}]"),
            Form::Point | Form::Line | Form::Polygon => json.to_string(),
        }
    }

    /// What kind of shape it is.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// The smallest frame around it.
    #[must_use]
    pub fn bounding_box(&self) -> BoundingBox {
        self.bounding_box
    }
}

fn bounding_box(geometry: &Geometry<f64>) -> Option<BoundingBox> {
    let bounds = geometry.bounding_rect()?;
    let (low, high) = (bounds.min(), bounds.max());
    Some(BoundingBox { west: low.x, south: low.y, east: high.x, north: high.y })
}

fn point(list: &[Json]) -> Result<Point, Rule> {
    let [x, y] = list else { return Err("Point must be an array of two numeric values [x, y]".into()) };
    let (Some(x), Some(y)) = (x.as_f64(), y.as_f64()) else {
        return Err("Point coordinates must be numeric values".into());
    };
    coord(x, y).map(Point::from)
}

fn line(list: &[Json]) -> Result<LineString, Rule> {
    if list.len() < 2 {
        return Err("LineString must contain at least two points".into());
    }
    few_enough(list.len())?;
    let point = |(n, json): (usize, &Json)| {
        let [x, y] = pair(json).ok_or("Each point in LineString must be an array of two values [x, y]")?;
        let (Some(x), Some(y)) = (x.as_f64(), y.as_f64()) else {
            return Err("Each point in LineString must have numeric coordinates".into());
        };
        coord(x, y).map_err(|rule| format!("Invalid coordinates at point #{n}: {rule}"))
    };
    list.iter().enumerate().map(point).collect::<Result<Vec<_>, Rule>>().map(LineString::new)
}

fn polygon(list: &[Json]) -> Result<Polygon, Rule> {
    let mut rings = if list.iter().next().is_some_and(is_pair_of_numbers) {
        few_enough(list.len())?;
        vec![ring(0, list)?]
    } else {
        few_enough(list.iter().filter_map(Json::as_array).map(Vec::len).sum())?;
        let array = |n: usize, json: &Json| match json.as_array().filter(|points| !points.is_empty()) {
            Some(points) => ring(n, points),
            None => Err(format!("Ring #{n} must be an array of points")),
        };
        list.iter().enumerate().map(|(n, json)| array(n, json)).collect::<Result<Vec<_>, Rule>>()?
    };
    if rings.is_empty() {
        return Err("Polygon must contain at least one ring".into());
    }
    let outer = rings.remove(0);
    Ok(Polygon::new(outer, rings))
}

fn ring(n: usize, points: &[Json]) -> Result<LineString, Rule> {
    if points.len() < 4 {
        return Err(format!("Ring #{n} must contain at least 4 points to form a closed polygon"));
    }
    let point = |(p, json): (usize, &Json)| {
        let [x, y] =
            pair(json).ok_or_else(|| format!("Point #{p} in ring #{n} must be an array of two values [x, y]"))?;
        let (Some(x), Some(y)) = (x.as_f64(), y.as_f64()) else {
            return Err(format!("Coordinates of point #{p} in ring #{n} must be numeric"));
        };
        coord(x, y).map_err(|rule| format!("Invalid coordinates at point #{p} in ring #{n}: {rule}"))
    };
    let points = points.iter().enumerate().map(point).collect::<Result<Vec<_>, Rule>>()?;
    if points.first() != points.last() {
        return Err(format!("Ring #{n} must be closed (first point must equal last point)"));
    }
    Ok(LineString::new(points))
}

fn coord(x: f64, y: f64) -> Result<Coord, Rule> {
    if !(-180.0..=180.0).contains(&x) {
        return Err(format!("Longitude (x) must be between -180 and 180, got {}", Short(x)));
    }
    if !(-90.0..=90.0).contains(&y) {
        return Err(format!("Latitude (y) must be between -90 and 90, got {}", Short(y)));
    }
    // There is one zero: -0 would be another place to some.
    Ok(Coord { x: x + 0.0, y: y + 0.0 })
}

/// A number that may be as long as 309 digits.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.abs() < 1e15 { write!(f, "{}", self.0) } else { write!(f, "{:e}", self.0) }
    }
}

fn few_enough(points: usize) -> Result<(), Rule> {
    if points > MAX_POINTS { Err(format!("There may be at most {MAX_POINTS} points")) } else { Ok(()) }
}

fn pair(json: &Json) -> Option<[&Json; 2]> {
    match json.as_array()?.as_slice() {
        [x, y] => Some([x, y]),
        _ => None,
    }
}

fn is_pair_of_numbers(json: &Json) -> bool {
    pair(json).is_some_and(|pair| pair.iter().all(|number| number.is_number()))
}

/// Whether a polygon came as the list of points of its one ring.
fn is_one_ring(json: &Json) -> bool {
    json.as_array().and_then(|list| list.first()).is_some_and(is_pair_of_numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rule(form: Form, json: &Json) -> String {
        Shape::read(form, json).unwrap_err()
    }

    #[test]
    fn shapes_are_kept_as_they_were_given() {
        for (form, json, kept) in [
            (Form::Point, "[1, 2.50]", "[1,2.5]"),
            (Form::Line, "[[1,2],[3.0,4]]", "[[1,2],[3.0,4]]"),
            (Form::Polygon, "[[[0,0],[1,0],[1,1],[0,0]]]", "[[[0,0],[1,0],[1,1],[0,0]]]"),
            (Form::Polygon, "[[0,0],[1,0],[1,1],[0,0.0]]", "[[[0,0],[1,0],[1,1],[0,0.0]]]"),
        ] {
            let json: Json = serde_json::from_str(json).unwrap();
            let shape = Shape::read(form, &json).unwrap();
            assert_eq!(shape.text(&json), kept);
            assert_eq!(Shape::stored(kept), Some(shape));
        }
    }

    #[test]
    fn what_is_no_point_is_refused() {
        for json in [json!([1]), json!([1, 2, 3]), json!([])] {
            let expected = "Value must be a valid point: Point must be an array of two numeric values [x, y]";
            assert_eq!(rule(Form::Point, &json), expected, "{json}");
        }
        for json in [json!(["1", "2"]), json!([null, 1]), json!([[1], 2])] {
            let expected = "Value must be a valid point: Point coordinates must be numeric values";
            assert_eq!(rule(Form::Point, &json), expected, "{json}");
        }
        for json in [json!("POINT(1 2)"), json!(1), json!({"x": 1}), json!(true)] {
            assert_eq!(rule(Form::Point, &json), "Value must be a valid point: Spatial value must be an array");
        }
    }

    #[test]
    fn the_earth_has_an_end() {
        let point = "Value must be a valid point: ";
        let too_far = format!("{point}Longitude (x) must be between -180 and 180, got 180.5");
        assert_eq!(rule(Form::Point, &json!([180.5, 0])), too_far);
        assert_eq!(
            rule(Form::Point, &json!([0, -91])),
            format!("{point}Latitude (y) must be between -90 and 90, got -91")
        );
        assert!(rule(Form::Point, &json!([1e308, 0])).ends_with("got 1e308"));
        assert!(Shape::read(Form::Point, &json!([-180, 90])).is_ok());
        assert_eq!(
            rule(Form::Line, &json!([[0, 0], [0, 99]])),
            "Value must be a valid linestring: Invalid coordinates at point #1: Latitude (y) must be between -90 and 90, got 99"
        );
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for (json, expected) in [
            (json!([[1, 2]]), "LineString must contain at least two points"),
            (json!([[1, 2], [3]]), "Each point in LineString must be an array of two values [x, y]"),
            (json!([[1, 2], 3]), "Each point in LineString must be an array of two values [x, y]"),
            (json!([[1, 2], [3, "4"]]), "Each point in LineString must have numeric coordinates"),
        ] {
            assert_eq!(rule(Form::Line, &json), format!("Value must be a valid linestring: {expected}"));
        }
        let long = Json::from(vec![json!([0, 0]); MAX_POINTS + 1]);
        assert!(rule(Form::Line, &long).ends_with("There may be at most 10000 points"));
    }

    #[test]
    fn what_is_no_polygon_is_refused() {
        for (json, expected) in [
            (json!([]), "Polygon must contain at least one ring"),
            (json!([[]]), "Ring #0 must be an array of points"),
            (json!([1]), "Ring #0 must be an array of points"),
            (json!([[[0, 0], [1, 1], [0, 0]]]), "Ring #0 must contain at least 4 points to form a closed polygon"),
            (json!([[[0, 0], [1, 1], [1, 0], [0]]]), "Point #3 in ring #0 must be an array of two values [x, y]"),
            (json!([[[0, 0], [1, 1], [1, "0"], [0, 0]]]), "Coordinates of point #2 in ring #0 must be numeric"),
            (json!([[[0, 0], [1, 1], [1, 0], [0, 1]]]), "Ring #0 must be closed (first point must equal last point)"),
            (
                json!([[[0, 0], [1, 1], [1, 0], [0, 0]], [[0, 0], [200, 1], [1, 0], [0, 0]]]),
                "Invalid coordinates at point #1 in ring #1: Longitude (x) must be between -180 and 180, got 200",
            ),
        ] {
            assert_eq!(rule(Form::Polygon, &json), format!("Value must be a valid polygon: {expected}"));
        }
    }

    #[test]
    fn brackets_tell_the_form() {
        let form = |json: &Json| Shape::read_any(json.as_array().unwrap()).map(|shape| shape.form());
        assert_eq!(form(&json!([1, 2])), Ok(Form::Point));
        assert_eq!(form(&json!([[1, 2], [3, 4]])), Ok(Form::Line));
        assert_eq!(form(&json!([[[0, 0], [1, 0], [1, 1], [0, 0]]])), Ok(Form::Polygon));
        for json in [json!([]), json!([1]), json!([[]]), json!([[[]]]), json!(["x", "y"]), json!([[1, 2]])] {
            assert!(form(&json).is_err(), "{json}");
        }
    }

    #[test]
    fn the_frame_is_the_smallest_around() {
        let shape = Shape::stored("[[1,5],[-2,3],[0,4]]").unwrap();
        assert_eq!(shape.bounding_box(), BoundingBox { west: -2.0, south: 3.0, east: 1.0, north: 5.0 });
    }
}
