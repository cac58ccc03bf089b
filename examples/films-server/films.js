// 3,201 films from the vega-datasets package, tidied. The source is honest data with its usual faults: titles that are
// numbers (300, 1941), one without a title, and release dates of the 1920s to 1940s filed under the 2020s to 2040s.

import { readFileSync } from 'node:fs';

const SOURCE = new URL('node_modules/vega-datasets/data/movies.json', import.meta.url);
const LAST_YEAR_OF_THE_SOURCE = 2011;

export const RATINGS = ['G', 'PG', 'PG-13', 'R', 'NC-17', 'Not Rated', 'Open'];

/** The films as rows, in the order of the source: each has the keys of the table's columns, and its own `$id`. */
export function readFilms() {
    return JSON.parse(readFileSync(SOURCE, 'utf8')).map(toRow);
}

function toRow(film, index) {
    const title = film.Title === null ? 'Untitled' : String(film.Title);
    const slug = toSlug(`${title} ${film['Release Date'].slice(-4)}`);
    return {
        $id: `film-${index + 1}`,
        title,
        slug,
        page: `https://films.example/${slug}`,
        director: film.Director,
        genre: film['Major Genre'],
        rating: film['MPAA Rating'],
        released: toDate(film['Release Date']),
        minutes: film['Running Time min'],
        gross: film['Worldwide Gross'],
        imdb: film['IMDB Rating'],
        profitable: film['Worldwide Gross'] > film['Production Budget'],
    };
}

/** `Jun 12 1998` as the server writes it. A date after the source was made has the wrong century: it is unknown. */
function toDate(text) {
    const date = new Date(`${text} UTC`);
    return date.getUTCFullYear() > LAST_YEAR_OF_THE_SOURCE ? null : date.toISOString().replace('Z', '+00:00');
}

function toSlug(text) {
    return text.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '');
}
