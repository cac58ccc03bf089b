// Floe from a server, with an API key: makes a database of films, fills it, and asks it questions.
//
//     ENDPOINT=http://localhost:8080/v1 PROJECT_ID=films API_KEY=... node main.js
//
// Every answer is compared with the same question put to the array that the rows came from.

import assert from 'node:assert/strict';
import { AppwriteException, Client, Query, TablesDB } from 'node-appwrite';
import { readFilms } from './films.js';
import { createSchema, table } from './schema.js';

const BATCH = 100; // the most rows that one request may bring
const PAGE = 500;

const { ENDPOINT, PROJECT_ID, API_KEY } = process.env;
const signIn = (key) => new TablesDB(new Client().setEndpoint(ENDPOINT).setProject(PROJECT_ID).setKey(key));
const tablesDB = signIn(API_KEY);
const films = readFilms();

await startAfresh();
await createSchema(tablesDB);
await load();
await filter();
await sortAndSelect();
await page();
await change();
await refuse();
console.log('films-server: all as expected');

/** Removes what an earlier run left, so that the example can be run again. */
async function startAfresh() {
    await tablesDB.delete({ databaseId: table.databaseId }).catch((error) => {
        if (error.type !== 'database_not_found') throw error;
    });
}

async function load() {
    for (let start = 0; start < films.length; start += BATCH) {
        const rows = films.slice(start, start + BATCH);
        const created = await tablesDB.createRows({ ...table, rows });
        assert.equal(created.total, rows.length, 'a batch is created whole');
    }

    const first = await tablesDB.getRow({ ...table, rowId: 'film-1' });
    assert.deepEqual(withoutSystemKeys(first), withoutSystemKeys(films[0]), 'a row comes back as it was sent');
    assert.equal(first.$tableId, table.tableId);
    assert.deepEqual(first.$permissions, [], 'rows made with a key belong to nobody');
    console.log(`loaded ${films.length} films`);
}

async function filter() {
    const questions = {
        'equal': [
            [Query.equal('rating', 'PG-13')],
            (film) => film.rating === 'PG-13',
        ],
        'equal to one of several': [
            [Query.equal('rating', ['G', 'PG'])],
            (film) => ['G', 'PG'].includes(film.rating),
        ],
        'equal to true': [
            [Query.equal('profitable', true)],
            (film) => film.profitable,
        ],
        'notEqual': [
            [Query.isNotNull('genre'), Query.notEqual('genre', 'Drama')],
            (film) => film.genre !== null && film.genre !== 'Drama',
        ],
        'greaterThan': [
            [Query.greaterThan('imdb', 8)],
            (film) => film.imdb > 8,
        ],
        'greaterThan a number of more than 31 bits': [
            [Query.greaterThan('gross', 2_500_000_000)],
            (film) => film.gross > 2_500_000_000,
        ],
        'between': [
            [Query.between('minutes', 90, 100)],
            (film) => film.minutes >= 90 && film.minutes <= 100,
        ],
        'between dates': [
            [Query.between('released', '1999-01-01T00:00:00.000+00:00', '1999-12-31T00:00:00.000+00:00')],
            (film) => film.released?.startsWith('1999'),
        ],
        'isNull': [
            [Query.isNull('director')],
            (film) => film.director === null,
        ],
        'isNotNull': [
            [Query.isNotNull('released')],
            (film) => film.released !== null,
        ],
        'startsWith': [
            [Query.startsWith('title', 'Star ')],
            (film) => film.title.startsWith('Star '),
        ],
        'contains': [
            [Query.contains('title', 'Harry Potter')],
            (film) => film.title.includes('Harry Potter'),
        ],
        'contains what would mean something else to SQL': [
            [Query.contains('title', '%')],
            (film) => film.title.includes('%'),
        ],
        'two queries, which both hold': [
            [Query.equal('director', 'Steven Spielberg'), Query.lessThan('minutes', 120)],
            (film) => film.director === 'Steven Spielberg' && film.minutes !== null && film.minutes < 120,
        ],
        'and inside or': [
            [
                Query.or([
                    Query.equal('genre', 'Western'),
                    Query.and([Query.equal('genre', 'Horror'), Query.greaterThan('imdb', 7)]),
                ]),
            ],
            (film) => film.genre === 'Western' || (film.genre === 'Horror' && film.imdb > 7),
        ],
    };
    for (const [name, [queries, holds]] of Object.entries(questions)) {
        const expected = films.filter(holds);
        const { rows, total } = await tablesDB.listRows({ ...table, queries: [...queries, Query.limit(films.length)] });
        assert.deepEqual(ids(rows), ids(expected), name);
        assert.equal(total, expected.length, `total of ${name}`);
    }
    console.log(`asked ${Object.keys(questions).length} questions`);
}

async function sortAndSelect() {
    const best = await tablesDB.listRows({
        ...table,
        queries: [Query.greaterThan('imdb', 8.5), Query.orderDesc('imdb'), Query.limit(10), Query.offset(5)],
    });
    const ratings = films.map(({ imdb }) => imdb).filter((imdb) => imdb > 8.5).sort((a, b) => b - a);
    assert.deepEqual(best.rows.map(({ imdb }) => imdb), ratings.slice(5, 15), 'offset skips the five best');
    assert.equal(best.total, ratings.length, 'the total knows neither limit nor offset');

    const uncounted = await tablesDB.listRows({ ...table, total: false });
    assert.equal(uncounted.total, 0, 'total: false saves the counting');
    assert.equal(uncounted.rows.length, 25, '25 rows where no limit is given');

    const selection = await tablesDB.listRows({ ...table, queries: [Query.select(['title', 'imdb']), Query.limit(1)] });
    const [{ title, imdb }] = films;
    assert.deepEqual(withoutSystemKeys(selection.rows[0]), { title, imdb }, 'select leaves out the rest');
}

/** With a cursor, a page costs the same however far it is from the start. */
async function page() {
    const all = await readAll([]);
    assert.equal(all.length, 3201);
    assert.deepEqual(ids(all), ids(films), 'every film once, in the order of creation');

    const rated = (await readAll([Query.isNotNull('imdb'), Query.orderDesc('imdb')])).map(({ imdb }) => imdb);
    const expected = films.map(({ imdb }) => imdb).filter((imdb) => imdb !== null).sort((a, b) => b - a);
    assert.deepEqual(rated, expected, 'pages cut through films of the same rating, and lose none');
    console.log(`paged through ${all.length} films`);
}

async function change() {
    const before = await tablesDB.getRow({ ...table, rowId: 'film-1' });
    const changes = { director: 'David Leland', minutes: 111 };
    const updated = await tablesDB.updateRow({ ...table, rowId: 'film-1', data: changes });
    assert.equal(updated.director, 'David Leland');
    assert.equal(updated.title, before.title, 'what an update leaves out stays');
    assert.equal(updated.$createdAt, before.$createdAt);
    assert.ok(updated.$updatedAt > before.$updatedAt, 'an update is dated');

    const data = { title: 'Floe, the Movie', slug: 'floe-the-movie-2026', rating: 'G' };
    const inserted = await tablesDB.upsertRow({ ...table, rowId: 'film-floe', data });
    assert.equal(inserted.profitable, false, 'a column left out takes its default');
    assert.equal(inserted.imdb, null, 'and without a default it is null');
    const replaced = await tablesDB.upsertRow({ ...table, rowId: 'film-floe', data: { ...data, imdb: 9.9 } });
    assert.equal(replaced.imdb, 9.9);
    assert.equal(replaced.$createdAt, inserted.$createdAt, 'the second upsert found the row of the first');
    assert.equal(await count(), films.length + 1);

    await tablesDB.deleteRow({ ...table, rowId: 'film-floe' });
    await assertRefused(tablesDB.getRow({ ...table, rowId: 'film-floe' }), 404, 'row_not_found');
    assert.equal(await count(), films.length);
}

async function refuse() {
    const film = { title: 'Refused', slug: 'refused-2026' };
    const create = (data, rowId = 'refused') => tablesDB.createRow({ ...table, rowId, data });

    await assertRefused(create(film, 'film-1'), 409, 'row_already_exists');
    await assertRefused(create({ ...film, slug: films[1].slug }), 409, 'row_unique_constraint_violation');
    await assertRefused(create({ title: film.title }), 400, 'row_invalid_structure');
    await assertRefused(create({ ...film, imdb: 'splendid' }), 400, 'row_invalid_structure');
    await assertRefused(create({ ...film, imdb: 11 }), 400, 'row_invalid_structure');
    await assertRefused(create({ ...film, rating: 'Splendid' }), 400, 'row_invalid_structure');
    await assertRefused(create({ ...film, page: 'no address' }), 400, 'row_invalid_structure');
    await assertRefused(create({ ...film, released: 'yesterday' }), 400, 'row_invalid_structure');
    await assertRefused(create({ ...film, popcorn: true }), 400, 'row_invalid_structure');
    await assertRefused(create(film, '_hidden'), 400, 'general_argument_invalid');

    const list = (...queries) => tablesDB.listRows({ ...table, queries });
    await assertRefused(list(Query.equal('popcorn', true)), 400, 'general_query_invalid');
    await assertRefused(list('not a query'), 400, 'general_query_invalid');
    await assertRefused(list(Query.cursorAfter('nowhere')), 400, 'general_cursor_not_found');
    await assertRefused(tablesDB.listRows({ ...table, tableId: 'nowhere' }), 404, 'table_not_found');
    await assertRefused(signIn('standard_0123456789').listRows(table), 401);

    const halfGood = [{ ...film, $id: 'good' }, { ...film, $id: 'bad', slug: films[1].slug }];
    await assertRefused(tablesDB.createRows({ ...table, rows: halfGood }), 409, 'row_unique_constraint_violation');
    assert.equal(await count(), films.length, 'nothing that was refused left a trace, nor did its batch');
}

async function readAll(queries) {
    const all = [];
    let cursor = [];
    for (;;) {
        const { rows } = await tablesDB.listRows({
            ...table,
            queries: [...queries, Query.limit(PAGE), ...cursor],
            total: false,
        });
        all.push(...rows);
        if (rows.length < PAGE) return all;
        cursor = [Query.cursorAfter(rows.at(-1).$id)];
    }
}

async function count() {
    return (await tablesDB.listRows({ ...table, queries: [Query.limit(1)] })).total;
}

async function assertRefused(promise, code, type) {
    await assert.rejects(promise, (error) => {
        assert.ok(error instanceof AppwriteException, String(error));
        assert.equal(error.code, code, error.message);
        if (type) assert.equal(error.type, type, error.message);
        return true;
    }, `refused with ${code} ${type ?? ''}`);
}

function ids(rows) {
    return rows.map(({ $id }) => $id);
}

function withoutSystemKeys(row) {
    return Object.fromEntries(Object.entries(row).filter(([key]) => !key.startsWith('$')));
}
