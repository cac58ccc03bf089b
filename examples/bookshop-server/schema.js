// A bookshop: authors, books, reviews, tags, and the shops that sell them.

import { RelationMutate, RelationshipType, TablesDBIndexType } from 'node-appwrite';

const PATIENCE_MS = 30_000;
const PAUSE_MS = 20;

export const databaseId = 'bookshop';

/** The name of a table, as every call wants it. */
export const at = (tableId) => ({ databaseId, tableId });

export async function createSchema(tablesDB) {
    await tablesDB.create({ databaseId, name: 'Bookshop' });

    // A table can bring its columns and indexes with it: then they are there when it is.
    await tablesDB.createTable({ ...at('authors'), name: 'Authors', columns: [text('name')] });
    await tablesDB.createTable({
        ...at('books'),
        name: 'Books',
        columns: [
            text('title'),
            { key: 'blurb', type: 'text' },
            { key: 'copies', type: 'integer', min: 0 },
            { key: 'languages', type: 'varchar', size: 8, array: true },
            { key: 'lent', type: 'boolean', default: false },
            { key: 'due', type: 'datetime' },
        ],
        indexes: [{ key: 'by_words', type: TablesDBIndexType.Fulltext, columns: ['blurb'] }],
    });
    await tablesDB.createTable({ ...at('reviews'), name: 'Reviews', columns: [text('text')] });
    await tablesDB.createTable({ ...at('tags'), name: 'Tags', columns: [text('name')] });
    await tablesDB.createTable({ ...at('shops'), name: 'Shops', columns: [text('name')] });

    const fromBooks = (relatedTableId, key, type, onDelete, twoWayKey) =>
        tablesDB.createRelationshipColumn({
            ...at('books'), relatedTableId, key, type, onDelete, twoWay: twoWayKey !== undefined, twoWayKey,
        });
    const { ManyToOne, OneToMany, ManyToMany } = RelationshipType;
    await fromBooks('authors', 'author', ManyToOne, RelationMutate.Restrict, 'books');
    await fromBooks('reviews', 'reviews', OneToMany, RelationMutate.Cascade, 'book');
    await fromBooks('tags', 'tags', ManyToMany, RelationMutate.SetNull);
    await tablesDB.createPointColumn({ ...at('shops'), key: 'place', required: true });
    await tablesDB.createPolygonColumn({ ...at('shops'), key: 'delivers', required: false });
    await untilAvailable(async () => (await tablesDB.listColumns(at('shops'))).columns);
    await untilAvailable(async () => (await tablesDB.listColumns(at('books'))).columns);

    await tablesDB.createIndex({ ...at('shops'), key: 'by_place', type: TablesDBIndexType.Spatial, columns: ['place'] });
    await untilAvailable(async () => (await tablesDB.listIndexes(at('shops'))).indexes);
}

const text = (key) => ({ key, type: 'varchar', size: 128, required: true });

/** Columns and indexes are made in the background: they answer `processing` first, and `available` soon after. */
async function untilAvailable(list) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
        const pending = (await list()).filter(({ status }) => status !== 'available');
        if (pending.length === 0) return;

        const { key, status, error } = pending[0];
        if (status !== 'processing' || Date.now() > deadline) throw new Error(`${key} is ${status}: ${error}`);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
}
