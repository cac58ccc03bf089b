//! How shapes lie to each other.

use crate::relate::lies;
use crate::{Form, Shape};
use floe_kernel::value::BoundingBox;
use geo::Geometry;
use geo::algorithm::line_measures::{Distance as _, Euclidean, HaversineMeasure};

/// How far the Earth's surface is from its middle, in metres: what distances in metres are measured with.
pub const EARTH_RADIUS: f64 = 6_371_000.0;

/// How much larger a frame is made than it would have to be, in parts of it, so that no rounding makes it too small.
const MARGIN: f64 = 1e-9;

/// How a shape may lie to another one: the words of OGC's "simple features" (DE-9IM).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// They have some of their insides in common, which is of less dimensions than the larger of them, and not all of
    /// either: a line through a polygon, a line across a line.
    Crosses,
    /// They cover the same places.
    Equals,
    /// They have a place in common.
    Intersects,
    /// They are of the same dimensions, share a part of these dimensions, and each has more than that.
    Overlaps,
    /// They have places in common, but none inside of both.
    Touches,
    /// All of the other one is in it, and not only on its edge.
    Contains,
}

/// How far away a shape must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wanted {
    /// Exactly so far.
    Exactly(f64),
    /// Less far.
    Below(f64),
    /// So far or less.
    UpTo(f64),
}

/// Something to be asked of shapes.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    asked: Asked,
    given: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Asked {
    Relation(Relation),
    /// In degrees of the flat plane.
    Distance(Wanted),
    /// In metres on the sphere; between two points.
    Metres(Wanted),
}

impl Test {
    /// Whether a shape lies so to the one that is given.
    #[must_use]
    pub fn relation(relation: Relation, given: Shape) -> Self {
        Self { asked: Asked::Relation(relation), given }
    }

    /// Whether a shape is so far, in degrees of the flat plane, from the one that is given.
    #[must_use]
    pub fn distance(wanted: Wanted, given: Shape) -> Self {
        Self { asked: Asked::Distance(wanted), given }
    }

    /// Whether a point is so far, in metres on the sphere, from the one that is given. What isn't a point isn't anywhere.
    #[must_use]
    pub fn metres(wanted: Wanted, given: Shape) -> Self {
        Self { asked: Asked::Metres(wanted), given }
    }

    /// Where a shape must be to pass: one whose own frame doesn't meet this one doesn't.
    #[must_use]
    pub fn bounding_box(&self) -> BoundingBox {
        let bounding_box = self.given.bounding_box();
        match self.asked {
            Asked::Relation(_) => bounding_box,
            Asked::Distance(wanted) => widened(bounding_box, wanted.reach(), wanted.reach()),
            Asked::Metres(wanted) => around(bounding_box, wanted.reach() / EARTH_RADIUS),
        }
    }

    /// Whether a shape passes.
    #[must_use]
    pub fn passes(&self, shape: &Shape) -> bool {
        if !self.bounding_box().meets(shape.bounding_box()) {
            return false;
        }
        let (a, b) = (&shape.geometry, &self.given.geometry);
        match self.asked {
            Asked::Relation(relation) => lies(relation, a, b),
            Asked::Distance(wanted) => wanted.is(Euclidean.distance(a, b)),
            Asked::Metres(wanted) => match (a, b) {
                (Geometry::Point(a), Geometry::Point(b)) => {
                    wanted.is(HaversineMeasure::new(EARTH_RADIUS).distance(*a, *b))
                }
                _ => false,
            },
        }
    }

    /// Whether what a column of this form holds can be asked this.
    ///
    /// # Errors
    /// Why it can't, in the words that clients know.
    pub fn suits(&self, form: Form) -> Result<(), String> {
        match (self.asked, form, self.given.form()) {
            (Asked::Relation(_) | Asked::Distance(_), ..) | (_, Form::Point, Form::Point) => Ok(()),
            (Asked::Metres(_), of, to) => {
                Err(format!("Distance in meters is not supported between {} and {}", of.name(), to.name()))
            }
        }
    }
}

impl Wanted {
    /// No further than this.
    fn reach(self) -> f64 {
        let (Self::Exactly(far) | Self::Below(far) | Self::UpTo(far)) = self;
        far.max(0.0)
    }

    fn is(self, distance: f64) -> bool {
        match self {
            Self::Exactly(far) => distance == far,
            Self::Below(far) => distance < far,
            Self::UpTo(far) => distance <= far,
        }
    }
}

fn widened(bounding_box: BoundingBox, by_x: f64, by_y: f64) -> BoundingBox {
    let more = |by: f64| by + MARGIN * (by + 360.0);
    BoundingBox {
        west: bounding_box.west - more(by_x),
        south: bounding_box.south - more(by_y),
        east: bounding_box.east + more(by_x),
        north: bounding_box.north + more(by_y),
    }
}

/// What lies within an angle (radians, seen from the Earth's middle) of a frame.
fn around(bounding_box: BoundingBox, angle: f64) -> BoundingBox {
    let by_y = angle.to_degrees();
    let farthest_north = (bounding_box.north.abs().max(bounding_box.south.abs()) + by_y).to_radians();
    // A circle around a pole is at every longitude; and one over the 180th meridian on either side of it.
    let everywhere = BoundingBox { west: -180.0, east: 180.0, ..widened(bounding_box, 0.0, by_y) };
    if farthest_north >= std::f64::consts::FRAC_PI_2 {
        return everywhere;
    }
    // Where the meridian touches the circle, it is the farthest from the middle.
    let latitude = bounding_box.north.abs().max(bounding_box.south.abs()).to_radians();
    let by_x = (angle.sin() / latitude.cos()).asin().to_degrees();
    let wide = widened(bounding_box, by_x, by_y);
    if wide.west >= -180.0 && wide.east <= 180.0 { wide } else { everywhere }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo::{Area as _, Relate as _, Validation as _};

    const SQUARE: &str = "[[[0,0],[10,0],[10,10],[0,10],[0,0]]]";
    const WITH_HOLE: &str = "[[[0,0],[10,0],[10,10],[0,10],[0,0]],[[4,4],[6,4],[6,6],[4,6],[4,4]]]";

    fn shape(text: &str) -> Shape {
        Shape::stored(text).unwrap()
    }

    fn lies(a: &str, relation: Relation, b: &str) -> bool {
        Test::relation(relation, shape(b)).passes(&shape(a))
    }

    #[test]
    fn shapes_lie_to_each_other() {
        use Relation::*;
        let cases = [
            ("[5,5]", Equals, "[5,5]", true),
            ("[5,5]", Equals, "[5,5.0001]", false),
            ("[[0,0],[2,2]]", Equals, "[[2,2],[1,1],[0,0]]", true),
            (SQUARE, Equals, "[[[10,10],[0,10],[0,0],[10,0],[10,10]]]", true),
            (SQUARE, Equals, WITH_HOLE, false),
            (SQUARE, Contains, "[5,5]", true),
            (SQUARE, Contains, "[10,5]", false),
            (WITH_HOLE, Contains, "[5,5]", false),
            (SQUARE, Contains, "[[1,1],[9,9]]", true),
            (SQUARE, Contains, "[[0,0],[10,0]]", false),
            (SQUARE, Contains, WITH_HOLE, true),
            (WITH_HOLE, Contains, SQUARE, false),
            ("[[0,0],[2,2]]", Contains, "[1,1]", true),
            ("[[0,0],[2,2]]", Contains, "[0,0]", false),
            ("[1,1]", Contains, "[1,1]", true),
            (SQUARE, Intersects, "[10,5]", true),
            (SQUARE, Intersects, "[10.001,5]", false),
            (WITH_HOLE, Intersects, "[5,5]", false),
            ("[[0,0],[2,2]]", Intersects, "[[0,2],[2,0]]", true),
            (SQUARE, Touches, "[10,5]", true),
            (SQUARE, Touches, "[5,5]", false),
            (SQUARE, Touches, "[[[10,0],[20,0],[20,10],[10,10],[10,0]]]", true),
            (SQUARE, Touches, "[[[9,0],[20,0],[20,10],[9,10],[9,0]]]", false),
            ("[[0,0],[2,2]]", Touches, "[[2,2],[4,0]]", true),
            ("[[0,0],[2,2]]", Touches, "[[0,2],[2,0]]", false),
            ("[[-5,5],[15,5]]", Crosses, SQUARE, true),
            (SQUARE, Crosses, "[[-5,5],[15,5]]", true),
            ("[[1,5],[9,5]]", Crosses, SQUARE, false),
            ("[[0,0],[2,2]]", Crosses, "[[0,2],[2,0]]", true),
            ("[[0,0],[2,2]]", Crosses, "[[1,1],[3,3]]", false),
            (SQUARE, Crosses, "[[[5,5],[15,5],[15,15],[5,15],[5,5]]]", false),
            (SQUARE, Overlaps, "[[[5,5],[15,5],[15,15],[5,15],[5,5]]]", true),
            (SQUARE, Overlaps, "[[[1,1],[2,1],[2,2],[1,2],[1,1]]]", false),
            (SQUARE, Overlaps, SQUARE, false),
            (WITH_HOLE, Touches, "[[[4,4],[6,4],[6,6],[4,6],[4,4]]]", true),
            (WITH_HOLE, Overlaps, "[[[4,4],[6,4],[6,6],[4,6],[4,4]]]", false),
            (WITH_HOLE, Overlaps, "[[[3,3],[7,3],[7,7],[3,7],[3,3]]]", true),
            (WITH_HOLE, Overlaps, SQUARE, false),
            (WITH_HOLE, Equals, "[[[10,0],[10,10],[0,10],[0,0],[10,0]],[[6,4],[4,4],[4,6],[6,6],[6,4]]]", true),
            (WITH_HOLE, Contains, "[[[1,1],[3,1],[3,3],[1,3],[1,1]]]", true),
            (WITH_HOLE, Contains, "[[[1,1],[9,1],[9,9],[1,9],[1,1]]]", false),
            (WITH_HOLE, Crosses, "[[1,5],[9,5]]", true),
            (WITH_HOLE, Touches, "[[4,5],[6,5]]", true),
            ("[[0,0],[2,2]]", Overlaps, "[[1,1],[3,3]]", true),
            ("[[0,0],[2,2]]", Overlaps, SQUARE, false),
        ];
        for (a, relation, b, expected) in cases {
            assert_eq!(lies(a, relation, b), expected, "{a} {relation:?} {b}");
        }
    }

    #[test]
    fn distances_in_degrees_are_flat() {
        let is = |a: &str, wanted, b: &str| Test::distance(wanted, shape(b)).passes(&shape(a));
        assert!(is("[0,0]", Wanted::Exactly(5.0), "[3,4]"));
        assert!(is("[0,0]", Wanted::UpTo(5.0), "[3,4]") && !is("[0,0]", Wanted::Below(5.0), "[3,4]"));
        assert!(is(SQUARE, Wanted::Exactly(0.0), "[5,5]") && is(SQUARE, Wanted::Exactly(2.0), "[12,5]"));
        assert!(is("[[0,0],[10,0]]", Wanted::Exactly(3.0), "[5,3]"));
        assert!(!is("[-179,0]", Wanted::Below(3.0), "[179,0]"), "the plane doesn't go around");
        assert!(!is("[0,0]", Wanted::Exactly(-1.0), "[0,0]"));
    }

    #[test]
    fn metres_are_measured_on_the_sphere() {
        let is = |a: &str, wanted, b: &str| Test::metres(wanted, shape(b)).passes(&shape(a));
        let (berlin, paris) = ("[13.405,52.52]", "[2.3522,48.8566]");
        assert!(is(berlin, Wanted::Below(878_000.0), paris) && !is(berlin, Wanted::Below(877_000.0), paris));
        assert!(is("[-179,0]", Wanted::Below(222_400.0), "[179,0]"), "the sphere goes around");
        assert!(is("[170,89.9]", Wanted::Below(22_300.0), "[-10,89.9]"), "over the pole");
        assert!(is(berlin, Wanted::Exactly(0.0), berlin));
        assert!(!is("[0,0]", Wanted::Exactly(-1.0), "[0,0]"));
        let to_a_line = Test::metres(Wanted::Below(1.0), shape("[0,0]")).suits(Form::Line).unwrap_err();
        assert_eq!(to_a_line, "Distance in meters is not supported between linestring and point");
        assert_eq!(Test::metres(Wanted::Below(1.0), shape("[0,0]")).suits(Form::Point), Ok(()));
    }

    /// Numbers that are the same each time.
    struct Numbers(u64);

    impl Numbers {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        fn within(&mut self, low: f64, high: f64) -> f64 {
            low + (high - low) * ((self.next() >> 11) as f64 / (1_u64 << 53) as f64)
        }

        /// Of any form, on a coarse grid: so that edges meet, coincide, double back, cross themselves.
        fn shape(&mut self) -> Shape {
            let mut point = || format!("[{},{}]", self.next() % 5, self.next() % 5);
            let points: Vec<_> = (0..7).map(|_| point()).collect();
            let long = 2 + usize::try_from(self.next() % 6).unwrap();
            shape(&match self.next() % 3 {
                0 => points[0].clone(),
                1 => format!("[{}]", points[..long].join(",")),
                _ => format!("[[{},{}]]", points[..long.max(3)].join(","), points[0]),
            })
        }
    }

    #[test]
    fn no_shape_is_too_strange() {
        use Relation::*;
        let mut numbers = Numbers(42);
        for _ in 0..5_000 {
            let (a, b) = (numbers.shape(), numbers.shape());
            for relation in [Crosses, Equals, Intersects, Overlaps, Touches, Contains] {
                let passes = Test::relation(relation, b.clone()).passes(&a);
                let other_way = Test::relation(relation, a.clone()).passes(&b);
                assert!(relation == Contains || passes == other_way, "{a:?} {relation:?} {b:?}");
            }
            let far = Euclidean.distance(&a.geometry, &b.geometry);
            assert!(far.is_finite() && Test::distance(Wanted::UpTo(far), b.clone()).passes(&a));
            assert!(Test::relation(Equals, a.clone()).passes(&a), "{a:?}");
        }
    }

    #[test]
    fn shapes_lie_as_geo_says() {
        use Relation::*;
        let mut numbers = Numbers(99);
        let mut compared = 0;
        while compared < 20_000 {
            let (a, b) = (numbers.shape(), numbers.shape());
            // An area that crosses itself, or is none, may be seen in more ways than one.
            // And where a line crosses itself between the lines of the grid, `geo` rounds, and sees no longer that it
            // lies along another one.
            let strange = |shape: &Shape| match &shape.geometry {
                Geometry::LineString(line) => line.0.len() > 3,
                other => !other.is_valid() || (shape.form() == Form::Polygon && other.unsigned_area() == 0.0),
            };
            if strange(&a) || strange(&b) {
                continue;
            }
            compared += 1;
            let matrix = a.geometry.relate(&b.geometry);
            for (relation, expected) in [
                (Crosses, matrix.is_crosses()),
                (Equals, matrix.is_equal_topo()),
                (Intersects, matrix.is_intersects()),
                (Overlaps, matrix.is_overlaps()),
                (Touches, matrix.is_touches()),
                (Contains, matrix.is_contains()),
            ] {
                let passes = Test::relation(relation, b.clone()).passes(&a);
                assert_eq!(passes, expected, "{:?} {relation:?} {:?}", a.geometry, b.geometry);
            }
        }
    }

    /// (This many points take `geo` ten seconds and 3 GB.)
    #[test]
    fn a_scribble_holds_nobody_up() {
        let mut numbers = Numbers(5);
        let mut place = || format!("[{},{}]", numbers.within(0.0, 100.0), numbers.within(0.0, 80.0));
        let places: Vec<_> = (0..3000).map(|_| place()).collect();
        let line = shape(&format!("[{}]", places.join(",")));
        let area = shape(&format!("[[{},{}]]", places.join(","), places[0]));
        let started = std::time::Instant::now();
        for given in ["[[0,0],[100,80]]", SQUARE, "[50,50]", &format!("[[{},{}]]", places[..50].join(","), places[0])] {
            for relation in [Relation::Crosses, Relation::Equals, Relation::Overlaps] {
                let test = Test::relation(relation, shape(given));
                assert!(relation != Relation::Equals || !(test.passes(&line) || test.passes(&area)), "{given}");
            }
        }
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }

    #[test]
    fn nothing_outside_of_the_frame_is_near() {
        let mut numbers = Numbers(7);
        for _ in 0..200_000 {
            let mut point =
                || Shape::stored(&format!("[{},{}]", numbers.within(-180.0, 180.0), numbers.within(-90.0, 90.0)));
            let (Some(a), Some(b)) = (point(), point()) else { panic!("a place on Earth") };
            let (Geometry::Point(here), Geometry::Point(there)) = (&a.geometry, &b.geometry) else { panic!("points") };
            let far = HaversineMeasure::new(EARTH_RADIUS).distance(*here, *there);
            assert!(Test::metres(Wanted::UpTo(far), b.clone()).passes(&a), "{a:?} {b:?} {far}");
        }
    }
}
