// The table of films: typed columns, and two indexes.

import { OrderBy, TablesDBIndexType } from 'node-appwrite';
import { RATINGS } from './films.js';

const PATIENCE_MS = 30_000;
const PAUSE_MS = 20;

export const table = { databaseId: 'films', tableId: 'films' };

export async function createSchema(tablesDB) {
    await tablesDB.create({ databaseId: table.databaseId, name: 'Films' });
    await tablesDB.createTable({ ...table, name: 'Films' });

    const required = { ...table, required: true };
    const optional = { ...table, required: false };
    await tablesDB.createVarcharColumn({ ...required, key: 'title', size: 128 });
    await tablesDB.createVarcharColumn({ ...required, key: 'slug', size: 128 });
    await tablesDB.createUrlColumn({ ...optional, key: 'page' });
    await tablesDB.createVarcharColumn({ ...optional, key: 'director', size: 64 });
    await tablesDB.createVarcharColumn({ ...optional, key: 'genre', size: 32 });
    await tablesDB.createEnumColumn({ ...optional, key: 'rating', elements: RATINGS });
    await tablesDB.createDatetimeColumn({ ...optional, key: 'released' });
    await tablesDB.createIntegerColumn({ ...optional, key: 'minutes', min: 1, max: 1000 });
    await tablesDB.createIntegerColumn({ ...optional, key: 'gross', min: 0 });
    await tablesDB.createFloatColumn({ ...optional, key: 'imdb', min: 0, max: 10 });
    await tablesDB.createBooleanColumn({ ...optional, key: 'profitable', xdefault: false });
    await untilAvailable('column', async () => (await tablesDB.listColumns(table)).columns);

    const { Key, Unique } = TablesDBIndexType;
    await tablesDB.createIndex({ ...table, key: 'by_imdb', type: Key, columns: ['imdb'], orders: [OrderBy.Desc] });
    await tablesDB.createIndex({ ...table, key: 'one_per_slug', type: Unique, columns: ['slug'] });
    await untilAvailable('index', async () => (await tablesDB.listIndexes(table)).indexes);
}

/** A column or an index is made in the background: it answers `processing` first, and `available` soon after. */
async function untilAvailable(kind, list) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
        const pending = (await list()).filter(({ status }) => status !== 'available');
        if (pending.length === 0) return;

        const { key, status, error } = pending[0];
        if (status !== 'processing' || Date.now() > deadline) throw new Error(`${kind} ${key} is ${status}: ${error}`);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
}
