// What a database can do beside keeping rows: relationships, places, full text, operators, transactions.
//
//     ENDPOINT=http://localhost:8080/v1 PROJECT_ID=films API_KEY=... node main.js

import assert from 'node:assert/strict';
import { AppwriteException, Client, Condition, Operator, Query, TablesDB } from 'node-appwrite';
import { at, createSchema, databaseId } from './schema.js';

const { ENDPOINT, PROJECT_ID, API_KEY } = process.env;
const tablesDB = new TablesDB(new Client().setEndpoint(ENDPOINT).setProject(PROJECT_ID).setKey(API_KEY));

await tablesDB.delete({ databaseId }).catch((error) => {
    if (error.type !== 'database_not_found') throw error;
});
await createSchema(tablesDB);
await relate();
await search();
await measure();
await compute();
await stage();
await remove();
console.log('bookshop-server: all as expected');

/** A row can bring the rows that belong to it. Reading, they come with those that ask for them. */
async function relate() {
    const create = (rowId, data) => tablesDB.createRow({ ...at('books'), rowId, data });
    await create('emma', {
        title: 'Emma',
        blurb: 'A handsome, clever and rich young woman arranges other people\'s marriages.',
        copies: 3,
        languages: ['en', 'de'],
        author: { $id: 'austen', name: 'Jane Austen' },
        reviews: [{ $id: 'r1', text: 'Badly done, Emma' }, { $id: 'r2', text: 'Well done' }],
        tags: [{ $id: 'classic', name: 'Classic' }, { $id: 'comedy', name: 'Comedy' }],
    });
    await create('persuasion', {
        title: 'Persuasion',
        blurb: 'Eight years after she was persuaded to refuse him, a captain comes back.',
        copies: 1,
        languages: ['en'],
        author: 'austen',
        tags: ['classic'],
    });
    await create('middlemarch', {
        title: 'Middlemarch',
        blurb: 'A study of provincial life, of marriages and of a young doctor.',
        copies: 0,
        author: { $id: 'eliot', name: 'George Eliot' },
    });

    const emma = await tablesDB.getRow({
        ...at('books'),
        rowId: 'emma',
        queries: [Query.select(['title', 'author.name', 'reviews.*', 'tags.name'])],
    });
    assert.equal(emma.author.name, 'Jane Austen');
    assert.deepEqual(emma.reviews.map(({ text }) => text), ['Badly done, Emma', 'Well done']);
    assert.deepEqual(emma.tags.map(({ name }) => name).sort(), ['Classic', 'Comedy']);

    const austen = await tablesDB.getRow({
        ...at('authors'),
        rowId: 'austen',
        queries: [Query.select(['*', 'books.*', 'books.reviews.text'])],
    });
    assert.deepEqual(austen.books.map(({ $id }) => $id), ['emma', 'persuasion'], 'the other way round as well');
    assert.deepEqual(austen.books.map(({ reviews }) => reviews.length), [2, 0], 'and further');

    await assertFound([Query.equal('author.name', 'Jane Austen')], ['emma', 'persuasion']);
    await assertFound([Query.equal('author', 'eliot')], ['middlemarch']);

    await tablesDB.updateRow({ ...at('books'), rowId: 'middlemarch', data: { tags: ['classic'] } });
    await tablesDB.updateRow({ ...at('books'), rowId: 'emma', data: { tags: ['comedy'] } });
    const { rows } = await tablesDB.listRows({ ...at('books'), queries: [Query.select(['*', 'tags.*'])] });
    assert.deepEqual(rows.map(({ tags }) => tags.map(({ $id }) => $id)), [['comedy'], ['classic'], ['classic']]);
}

async function search() {
    await assertFound([Query.search('blurb', 'marriages')], ['emma', 'middlemarch']);
    await assertFound([Query.search('blurb', '"provincial life"')], ['middlemarch']);
    await assertFound([Query.search('blurb', 'capt')], ['persuasion']);
    await assertFound([Query.regex('title', '^(Emma|Mid)')], ['emma', 'middlemarch']);
    await assertFound([Query.containsAll('languages', ['en', 'de'])], ['emma']);
    await assertFound([Query.containsAny('languages', ['de', 'en'])], ['emma', 'persuasion']);
    await assertRefused(tablesDB.listRows({ ...at('books'), queries: [Query.search('title', 'x')] }), 400);
}

async function measure() {
    const shops = { london: [-0.1276, 51.5072], oxford: [-1.2577, 51.752], berlin: [13.405, 52.52] };
    for (const [rowId, place] of Object.entries(shops)) {
        const delivers = square(place, 0.3);
        await tablesDB.createRow({ ...at('shops'), rowId, data: { name: rowId, place, delivers } });
    }
    const found = async (query) => (await tablesDB.listRows({ ...at('shops'), queries: [query] })).rows.map(({ $id }) => $id);
    assert.deepEqual(await found(Query.distanceLessThan('place', shops.london, 100_000)), ['london', 'oxford']);
    assert.deepEqual(await found(Query.distanceGreaterThan('place', shops.london, 100_000)), ['berlin']);
    assert.deepEqual(await found(Query.intersects('delivers', [-1.2, 51.7])), ['oxford']);
    assert.deepEqual(await found(Query.notIntersects('delivers', [-1.2, 51.7])), ['london', 'berlin']);
    const { place } = await tablesDB.getRow({ ...at('shops'), rowId: 'oxford' });
    assert.deepEqual(place, shops.oxford);
}

/** A polygon is a list of rings, each of which ends where it began. */
function square([x, y], half) {
    const [west, south, east, north] = [x - half, y - half, x + half, y + half];
    return [[[west, south], [east, south], [east, north], [west, north], [west, south]]];
}

/** Operators change a value by what it is, wherever it stands by then: nothing is read first, nothing gets lost. */
async function compute() {
    const change = (data) => tablesDB.updateRow({ ...at('books'), rowId: 'emma', data });
    await Promise.all(Array.from({ length: 20 }, () => change({ copies: Operator.increment(2) })));
    const emma = await change({
        copies: Operator.decrement(1),
        title: Operator.stringConcat(', a novel'),
        languages: Operator.arrayAppend(['fr', 'de']),
        lent: Operator.toggle(),
    });
    assert.equal(emma.copies, 42);
    assert.equal(emma.title, 'Emma, a novel');
    assert.deepEqual(emma.languages, ['en', 'de', 'fr', 'de']);
    assert.equal(emma.lent, true);
    const tidied = await change({ languages: Operator.arrayUnique() });
    assert.deepEqual(tidied.languages, ['en', 'de', 'fr']);
    const filtered = await change({ languages: Operator.arrayFilter(Condition.NotEqual, 'fr') });
    assert.deepEqual(filtered.languages, ['en', 'de']);

    const set = await change({ due: Operator.dateSetNow() });
    const later = await change({ due: Operator.dateAddDays(14) });
    assert.equal(Date.parse(later.due) - Date.parse(set.due), 14 * 86_400_000);
    await tablesDB.incrementRowColumn({ ...at('books'), rowId: 'emma', column: 'copies', value: 8, max: 50 });
    await assertRefused(tablesDB.incrementRowColumn({ ...at('books'), rowId: 'emma', column: 'copies', max: 50 }), 400);
}

/** What is staged in a transaction is seen within it, and by everybody once it is committed. */
async function stage() {
    const copies = async (transactionId) =>
        (await tablesDB.getRow({ ...at('books'), rowId: 'persuasion', transactionId })).copies;

    const { $id: transactionId } = await tablesDB.createTransaction();
    await tablesDB.updateRow({ ...at('books'), rowId: 'persuasion', data: { copies: 7 }, transactionId });
    await tablesDB.createOperations({
        transactionId,
        operations: [
            { action: 'increment', databaseId, tableId: 'books', rowId: 'persuasion', data: { column: 'copies', value: 3 } },
            { action: 'create', databaseId, tableId: 'tags', rowId: 'navy', data: { name: 'Navy' } },
        ],
    });
    assert.equal(await copies(transactionId), 10, 'seen within');
    assert.equal(await copies(), 1, 'and not outside');
    const done = await tablesDB.updateTransaction({ transactionId, commit: true });
    assert.equal(done.status, 'committed');
    assert.equal(await copies(), 10);

    const other = (await tablesDB.createTransaction()).$id;
    await tablesDB.createRow({ ...at('tags'), rowId: 'late', data: { name: 'Late' }, transactionId: other });
    await tablesDB.createRow({ ...at('tags'), rowId: 'late', data: { name: 'Earlier' } });
    await assertRefused(
        tablesDB.updateTransaction({ transactionId: other, commit: true }), 409, 'transaction_conflict');
    assert.equal((await tablesDB.getTransaction({ transactionId: other })).status, 'failed');
}

async function remove() {
    await assertRefused(tablesDB.deleteRow({ ...at('authors'), rowId: 'austen' }), 403, 'row_delete_restricted');
    await tablesDB.deleteRow({ ...at('books'), rowId: 'emma' });
    assert.equal((await tablesDB.listRows(at('reviews'))).total, 0, 'reviews go with their book');
    assert.equal((await tablesDB.listRows(at('tags'))).total, 4, 'tags stay');
    await tablesDB.deleteRow({ ...at('books'), rowId: 'persuasion' });
    await tablesDB.deleteRow({ ...at('authors'), rowId: 'austen' });
}

async function assertFound(queries, expected) {
    const { rows, total } = await tablesDB.listRows({ ...at('books'), queries });
    assert.deepEqual(rows.map(({ $id }) => $id), expected);
    assert.equal(total, expected.length);
}

async function assertRefused(promise, code, type) {
    await assert.rejects(promise, (error) => {
        assert.ok(error instanceof AppwriteException, String(error));
        assert.equal(error.code, code, error.message);
        if (type) assert.equal(error.type, type, error.message);
        return true;
    }, `refused with ${code} ${type ?? ''}`);
}
