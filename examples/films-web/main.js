// Floe from a web app: two people sign up, keep a watchlist each, and can't see the other's.
//
//     ENDPOINT=http://localhost:8080/v1 PROJECT_ID=films API_KEY=... node main.js
//
// Only setup.js uses the API key; what follows here is what an app does in its users' browsers.

import assert from 'node:assert/strict';
import { Account, AppwriteException, Client, ID, Permission, Query, Role, TablesDB } from 'appwrite';
import { Browser } from './browser.js';
import { createWatchlist, watchlist } from './setup.js';

const { ENDPOINT, PROJECT_ID, API_KEY } = process.env;
const PASSWORD = 'correct horse battery staple';

const newClient = () => new Client().setEndpoint(ENDPOINT).setProject(PROJECT_ID);
const account = new Account(newClient());
const tablesDB = new TablesDB(newClient());

await createWatchlist({ endpoint: ENDPOINT, projectId: PROJECT_ID, apiKey: API_KEY });

await new Browser().browse(refuseGuest);
const ada = await signUp('Ada');
const grace = await signUp('Grace');
await ada.browser.browse(() => manageAccount(ada));
await keepWatchlists(ada, grace);
await ada.browser.browse(actWithJwt);
await endSessions(ada);
await new Browser().browse(stayAnonymous);
console.log('films-web: all as expected');

async function refuseGuest() {
    await assertRefused(account.get(), 401, 'general_unauthorized_scope');
    await assertRefused(account.createJWT(), 401, 'general_unauthorized_scope');
    await assertRefused(addFilm('Metropolis'), 401, 'user_unauthorized');
    assert.deepEqual(await listFilms(), [], 'a guest sees no row, nor that there are any');
}

/** Creates an account and signs in, each person in a browser of their own. */
async function signUp(name) {
    const browser = new Browser();
    const email = `${name.toLowerCase()}-${ID.unique()}@films.example`;
    const user = await browser.browse(async () => {
        const created = await account.create({ userId: ID.unique(), email, password: PASSWORD, name });
        await assertRefused(account.get(), 401, 'general_unauthorized_scope');

        const session = await account.createEmailPasswordSession({ email, password: PASSWORD });
        assert.equal(session.userId, created.$id);
        assert.equal(session.secret, '', 'the secret of a session is for the cookie alone');
        return account.get();
    });
    assert.equal(user.name, name);
    assert.equal(user.email, email);
    assert.equal(user.emailVerification, false);
    assert.equal(user.password, undefined, 'not even the hash of a password leaves the server');
    console.log(`${name} signed up`);
    return { id: user.$id, email, browser };
}

async function manageAccount({ email }) {
    const renamed = await account.updateName({ name: 'Ada Lovelace' });
    assert.equal(renamed.name, 'Ada Lovelace');

    assert.deepEqual({ ...(await account.getPrefs()) }, {}, 'no preferences yet');
    await account.updatePrefs({ prefs: { theme: 'dark', subtitles: true } });
    assert.deepEqual({ ...(await account.getPrefs()) }, { theme: 'dark', subtitles: true });
    assert.equal((await account.get()).prefs.theme, 'dark');

    const signUpAgain = (changes) => account.create({ userId: ID.unique(), email, password: PASSWORD, ...changes });
    const signInAgain = () => account.createEmailPasswordSession({ email, password: PASSWORD });
    await assertRefused(signUpAgain(), 409, 'user_already_exists');
    await assertRefused(signUpAgain({ email: 'no address' }), 400, 'general_argument_invalid');
    await assertRefused(signUpAgain({ password: 'short' }), 400, 'general_argument_invalid');
    await assertRefused(signInAgain(), 401, 'user_session_already_exists');

    await new Browser().browse(async () => {
        const guess = account.createEmailPasswordSession({ email, password: 'swordfish' });
        await assertRefused(guess, 401, 'user_invalid_credentials');
    });
}

async function keepWatchlists(ada, grace) {
    const alien = await ada.browser.browse(async () => {
        await addFilm('Metropolis');
        return addFilm('Alien');
    });
    assert.deepEqual(
        [...alien.$permissions].sort(),
        [`delete("user:${ada.id}")`, `read("user:${ada.id}")`, `update("user:${ada.id}")`],
        'a row belongs to the user who created it',
    );
    await grace.browser.browse(() => addFilm('The Third Man'));
    const rowOfAda = { ...watchlist, rowId: alien.$id };

    await grace.browser.browse(async () => {
        assert.deepEqual(await listFilms(), ['The Third Man']);
        await assertRefused(tablesDB.getRow(rowOfAda), 404, 'row_not_found');
        await assertRefused(tablesDB.updateRow({ ...rowOfAda, data: { seen: true } }), 401, 'user_unauthorized');
        await assertRefused(tablesDB.deleteRow(rowOfAda), 401, 'user_unauthorized');
        await assertRefused(tablesDB.getRow({ ...watchlist, rowId: 'nowhere' }), 404, 'row_not_found');

        // Nobody grants a role that they don't have themselves.
        await assertRefused(addFilm('Vertigo', [Permission.read(Role.user(ada.id))]), 401, 'user_unauthorized');
    });

    await ada.browser.browse(async () => {
        assert.deepEqual(await listFilms(), ['Alien', 'Metropolis']);
        const seen = await tablesDB.updateRow({ ...rowOfAda, data: { seen: true } });
        assert.equal(seen.seen, true);
        assert.deepEqual(await listFilms(Query.equal('seen', false)), ['Metropolis']);
        await addFilm('Casablanca', [Permission.read(Role.users())]);
        await tablesDB.deleteRow(rowOfAda);
        assert.deepEqual(await listFilms(), ['Casablanca', 'Metropolis']);
    });

    await grace.browser.browse(async () => {
        assert.deepEqual(await listFilms(), ['Casablanca', 'The Third Man'], 'her own, and what Ada shares');
    });
    console.log('each sees their own watchlist');
}

/** A JWT lets a server of the app's own act for the user, for a quarter of an hour. */
async function actWithJwt() {
    const { $id } = await account.get();
    const { jwt } = await account.createJWT();

    await new Browser().browse(async () => {
        assert.equal((await new Account(newClient().setJWT(jwt)).get()).$id, $id);
        const [header, payload, signature] = jwt.split('.');
        const forged = [header, payload, signature.split('').reverse().join('')].join('.');
        await assertRefused(new Account(newClient().setJWT(forged)).get(), 401, 'user_jwt_invalid');
    });
}

async function endSessions({ email, browser }) {
    const signIn = () => account.createEmailPasswordSession({ email, password: PASSWORD });
    const other = new Browser();
    const session = await other.browse(signIn);

    await browser.browse(async () => {
        const { total, sessions } = await account.listSessions();
        assert.equal(total, 2, 'one session for each browser');
        assert.equal(sessions.filter(({ current }) => current).length, 1);
        assert.notEqual(sessions.find(({ current }) => current).$id, session.$id);
        await account.deleteSession({ sessionId: session.$id });
        assert.equal((await account.listSessions()).total, 1);
        await assertRefused(account.deleteSession({ sessionId: session.$id }), 404, 'user_session_not_found');
    });

    await other.browse(async () => {
        await assertRefused(account.get(), 401);
        await signIn(); // the ended session, which this browser still remembers, doesn't lock it out
        assert.equal((await account.get()).email, email);
    });

    await browser.browse(async () => {
        await account.deleteSession({ sessionId: 'current' });
        await assertRefused(account.get(), 401);
    });

    await other.browse(async () => {
        await account.deleteSessions();
        await assertRefused(account.get(), 401);
    });
}

async function stayAnonymous() {
    const session = await account.createAnonymousSession();
    assert.equal(session.provider, 'anonymous');
    const user = await account.get();
    assert.equal(user.$id, session.userId);
    assert.equal(user.email, '');
    await addFilm('Nosferatu');
    assert.ok((await listFilms()).includes('Nosferatu'), 'an anonymous user is a user');
}

function addFilm(film, permissions) {
    return tablesDB.createRow({ ...watchlist, rowId: ID.unique(), data: { film }, permissions });
}

/** The titles that whoever asks may read, in the order of the alphabet. */
async function listFilms(...queries) {
    const { rows } = await tablesDB.listRows({ ...watchlist, queries: [...queries, Query.orderAsc('film')] });
    return rows.map(({ film }) => film);
}

async function assertRefused(promise, code, type) {
    await assert.rejects(promise, (error) => {
        assert.ok(error instanceof AppwriteException, String(error));
        assert.equal(error.code, code, error.message);
        if (type) assert.equal(error.type, type, error.message);
        return true;
    }, `refused with ${code} ${type ?? ''}`);
}
