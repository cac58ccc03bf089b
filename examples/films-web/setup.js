// What the app's developer does once, with an API key: a table in which each user keeps a watchlist.
//
// The table's own permissions let every signed-in user create rows and nothing more. With row security, who may read,
// update or delete a row stands in the row; unless told otherwise, a row belongs to the user who created it.

import { Client, Permission, Role, TablesDB } from 'node-appwrite';

export const watchlist = { databaseId: 'cinema', tableId: 'watchlist' };

export async function createWatchlist({ endpoint, projectId, apiKey }) {
    const tablesDB = new TablesDB(new Client().setEndpoint(endpoint).setProject(projectId).setKey(apiKey));

    await tablesDB.delete({ databaseId: watchlist.databaseId }).catch((error) => {
        if (error.type !== 'database_not_found') throw error;
    });
    await tablesDB.create({ databaseId: watchlist.databaseId, name: 'Cinema' });
    await tablesDB.createTable({
        ...watchlist,
        name: 'Watchlist',
        permissions: [Permission.create(Role.users())],
        rowSecurity: true,
        columns: [
            { key: 'film', type: 'string', size: 128, required: true },
            { key: 'seen', type: 'boolean', required: false, default: false },
        ],
    });
}
