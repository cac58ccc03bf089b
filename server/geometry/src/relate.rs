//! How two shapes lie to each other: the relations of DE-9IM.
//!
//! `geo` has them as well, but keeps every place where the two cross, and where a line crosses itself: for a scribble as
//! many as the square of its points (5000 points: a minute, and 7 GB). Here one shape's edges are cut at those of the
//! other, step by step, and what kinds of pieces come up tells. `geo` answers the small questions, without rounding:
//! on which side of an edge a place is, and whether it is in an area. Tests compare with `geo`'s relations.

use crate::Relation;
use geo::algorithm::line_intersection::{LineIntersection, line_intersection};
use geo::coordinate_position::{CoordPos, CoordinatePosition as _};
use geo::{Coord, Geometry, Intersects as _, Line, LineString, LinesIter as _, Polygon};

/// Whether `a` lies so to `b`.
pub(crate) fn lies(relation: Relation, a: &Geometry<f64>, b: &Geometry<f64>) -> bool {
    // Much cheaper than anything else, and needed by all of them.
    if !a.intersects(b) {
        return false;
    }
    let (Some(of), Some(to)) = (Normalized::of(a), Normalized::of(b)) else { return false };
    match (relation, of, to) {
        (Relation::Intersects, ..) => true,
        // A polygon that crosses itself has no clear inside; yet it is what it is.
        (Relation::Equals, ..) if a == b => true,
        (_, Normalized::Polygon(of), Normalized::Polygon(to)) => areas(relation, of, to),
        (_, Normalized::Line(of), Normalized::Line(to)) => lines(relation, of, to),
        (Relation::Contains, Normalized::Polygon(area), Normalized::Line(line)) => {
            let pieces = Pieces::in_area(line, area);
            pieces.inside && !pieces.outside
        }
        (_, Normalized::Polygon(area), Normalized::Line(line))
        | (_, Normalized::Line(line), Normalized::Polygon(area)) => {
            let pieces = Pieces::in_area(line, area);
            match relation {
                Relation::Crosses => pieces.inside && pieces.outside,
                Relation::Touches => !pieces.inside,
                Relation::Contains | Relation::Equals | Relation::Intersects | Relation::Overlaps => false,
            }
        }
        (Relation::Equals, Normalized::Point(_), Normalized::Point(_)) => true,
        (Relation::Contains, whole, Normalized::Point(place)) => whole.has_inside(place),
        (Relation::Touches, Normalized::Point(place), whole) | (Relation::Touches, whole, Normalized::Point(place)) => {
            !whole.has_inside(place)
        }
        (_, Normalized::Point(_), _) | (_, _, Normalized::Point(_)) => false,
    }
}

/// A shape, as what it is in truth: a line that goes nowhere is a point.
#[derive(Clone, Copy)]
enum Normalized<'g> {
    Point(Coord),
    Line(&'g LineString),
    Polygon(&'g Polygon),
}

impl<'g> Normalized<'g> {
    fn of(geometry: &'g Geometry<f64>) -> Option<Self> {
        Some(match geometry {
            Geometry::Point(point) => Self::Point(point.0),
            Geometry::LineString(line) if line.0.iter().all(|place| line.0.first() == Some(place)) => {
                Self::Point(*line.0.first()?)
            }
            Geometry::LineString(line) => Self::Line(line),
            Geometry::Polygon(polygon) => Self::Polygon(polygon),
            _ => return None,
        })
    }

    /// Whether a place of the shape is inside of it, not at one of its ends, nor on its edge.
    fn has_inside(self, place: Coord) -> bool {
        match self {
            Self::Point(_) => true,
            Self::Line(line) => !ends_at(line, place),
            Self::Polygon(polygon) => polygon.coordinate_position(&place) == CoordPos::Inside,
        }
    }
}

/// Whether a line has an end here. (One that is closed has none.)
fn ends_at(line: &LineString, place: Coord) -> bool {
    !line.is_closed() && (line.0.first() == Some(&place) || line.0.last() == Some(&place))
}

/// The inside of an area is in one piece. So where no edge of the other one runs through it, all of it is in the other
/// one, or none, and any place of it tells.
fn areas(relation: Relation, a: &Polygon, b: &Polygon) -> bool {
    let (of_a, of_b) = (Pieces::of_edges(a, b), Pieces::of_edges(b, a));
    let is_in = |area: &Polygon, other: &Polygon| {
        somewhere_inside(area).is_some_and(|place| other.coordinate_position(&place) == CoordPos::Inside)
    };
    let share = of_a.inside || of_b.inside || is_in(a, b);
    let a_has_more = || of_a.outside || of_b.inside || !is_in(a, b);
    let b_has_more = || of_b.outside || of_a.inside || !is_in(b, a);
    match relation {
        Relation::Touches => !share,
        Relation::Overlaps => share && a_has_more() && b_has_more(),
        Relation::Contains => share && !b_has_more(),
        Relation::Equals => share && !a_has_more() && !b_has_more(),
        Relation::Crosses => false,
        Relation::Intersects => true,
    }
}

/// A place inside of an area: in the middle of the widest stretch that it has at a height where it has no corner.
fn somewhere_inside(area: &Polygon) -> Option<Coord> {
    let mut heights: Vec<f64> = area.exterior().0.iter().map(|corner| corner.y).collect();
    heights.extend(area.interiors().iter().flat_map(|hole| hole.0.iter().map(|corner| corner.y)));
    heights.sort_by(f64::total_cmp);
    let tallest = heights.windows(2).max_by(|a, b| (a[1] - a[0]).total_cmp(&(b[1] - b[0])))?;
    let y = tallest[0] + (tallest[1] - tallest[0]) / 2.0;
    let crossing = |edge: Line| {
        let crosses = (edge.start.y < y) != (edge.end.y < y);
        crosses.then(|| edge.start.x + edge.dx() * ((y - edge.start.y) / edge.dy()))
    };
    let mut crossings: Vec<f64> = area.lines_iter().filter_map(crossing).collect();
    crossings.sort_by(f64::total_cmp);
    let widest = crossings.chunks_exact(2).max_by(|a, b| (a[1] - a[0]).total_cmp(&(b[1] - b[0])))?;
    Some(Coord { x: widest[0] + (widest[1] - widest[0]) / 2.0, y })
}

fn lines(relation: Relation, a: &LineString, b: &LineString) -> bool {
    let of_a = Pieces::on_line(a, b);
    match relation {
        Relation::Crosses => !of_a.shared && of_a.meets,
        Relation::Touches => !of_a.shared && !of_a.meets,
        Relation::Overlaps => of_a.shared && of_a.outside && Pieces::on_line(b, a).outside,
        Relation::Equals => !of_a.outside && !Pieces::on_line(b, a).outside,
        Relation::Contains => !Pieces::on_line(b, a).outside,
        Relation::Intersects => true,
    }
}

/// What becomes of a line that is cut at the edges of another shape.
#[derive(Debug, Default)]
struct Pieces {
    /// There is one inside of the other shape.
    inside: bool,
    /// There is one outside.
    outside: bool,
    /// There is one along its edge; or, when it is a line as well, along that.
    shared: bool,
    /// There is a place where both lines meet and neither ends.
    meets: bool,
}

impl Pieces {
    fn in_area(line: &LineString, area: &Polygon) -> Self {
        Self::of_steps(steps(line), area)
    }

    fn of_edges(of: &Polygon, area: &Polygon) -> Self {
        Self::of_steps(of.lines_iter().filter(|edge| edge.start != edge.end), area)
    }

    fn of_steps(steps: impl Iterator<Item = Line>, area: &Polygon) -> Self {
        let mut pieces = Self::default();
        let edges: Vec<_> = area.lines_iter().filter(|edge| edge.start != edge.end).collect();
        for step in steps {
            for middle in cut(step, &edges, |_| {}).between {
                match middle.map(|middle| area.coordinate_position(&middle)) {
                    None | Some(CoordPos::OnBoundary) => pieces.shared = true,
                    Some(CoordPos::Inside) => pieces.inside = true,
                    Some(CoordPos::Outside) => pieces.outside = true,
                }
            }
            if pieces.inside && pieces.outside {
                break;
            }
        }
        pieces
    }

    fn on_line(line: &LineString, other: &LineString) -> Self {
        let mut pieces = Self::default();
        let edges: Vec<_> = steps(other).collect();
        for step in steps(line) {
            let mut meets = false;
            let cut = cut(step, &edges, |place| meets |= !ends_at(line, place) && !ends_at(other, place));
            pieces.meets |= meets;
            for middle in cut.between {
                if middle.is_some() { pieces.outside = true } else { pieces.shared = true }
            }
        }
        pieces
    }
}

/// The steps of a line that go anywhere.
fn steps(line: &LineString) -> impl Iterator<Item = Line> {
    line.lines().filter(|step| step.start != step.end)
}

/// A step of a line, cut.
struct Cut {
    /// For each piece a place in its middle; none for a piece that lies along an edge.
    between: Vec<Option<Coord>>,
}

/// Cuts a step at these edges. `met` gets each place where it meets one that it doesn't lie along.
fn cut(step: Line, edges: &[Line], mut met: impl FnMut(Coord)) -> Cut {
    let mut stops = vec![0.0, 1.0];
    let mut along = Vec::new();
    for edge in edges {
        match line_intersection(step, *edge) {
            None => {}
            Some(LineIntersection::SinglePoint { intersection, .. }) => {
                met(intersection);
                stops.push(share(step, intersection));
            }
            Some(LineIntersection::Collinear { intersection }) => {
                let (start, end) = (share(step, intersection.start), share(step, intersection.end));
                stops.extend([start, end]);
                along.push((start.min(end), start.max(end)));
                if start == end {
                    met(intersection.start);
                }
            }
        }
    }
    stops.sort_by(f64::total_cmp);
    let pieces = stops.windows(2).filter_map(|ends| match ends {
        [start, end] if start < end => {
            let middle = start + (end - start) / 2.0;
            let is_along = along.iter().any(|(from, to)| (*from..=*to).contains(&middle));
            Some((!is_along).then(|| step.start + step.delta() * middle))
        }
        _ => None,
    });
    Cut { between: pieces.collect() }
}

/// How much of a step lies before a place on it: 0 to 1.
fn share(step: Line, place: Coord) -> f64 {
    let (whole, part) = (step.delta(), place - step.start);
    let share = if whole.x.abs() >= whole.y.abs() { part.x / whole.x } else { part.y / whole.y };
    share.clamp(0.0, 1.0)
}
