// Signing in as a machine: OAuth2 client credentials.
import './websocket.mjs';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isUnauthenticated, MedplumClient, normalizeErrorString, parseJWTPayload } from '@medplum/core';
import { BASE_URL, CLIENT_ID, CLIENT_SECRET, connect, raw, refused } from './support.mjs';

test('signing in with the secret in the form gives the profile', async () => {
  const medplum = new MedplumClient({ baseUrl: BASE_URL });
  const profile = await medplum.startClientLogin(CLIENT_ID, CLIENT_SECRET);
  assert.ok(profile.id);
  assert.deepEqual(medplum.getProfile(), profile);
  assert.ok(medplum.isAuthenticated());
  assert.ok(medplum.getProject()?.id);
});

test('signing in with the secret in a Basic header gives the same profile', async () => {
  const other = await connect();
  const medplum = new MedplumClient({ baseUrl: BASE_URL, authCredentialsMethod: 'header' });
  const profile = await medplum.startClientLogin(CLIENT_ID, CLIENT_SECRET);
  assert.equal(profile.id, other.getProfile().id);
});

test('the profile is a resource that can be read', async () => {
  const medplum = await connect();
  const { resourceType, id } = medplum.getProfile();
  const read = await medplum.readResource(resourceType, id);
  assert.equal(read.id, id);
});

test('the token says for whom it is, and holds for much longer than five minutes', async () => {
  const medplum = await connect();
  const claims = parseJWTPayload(medplum.getAccessToken());
  assert.equal(claims.client_id, CLIENT_ID);
  assert.equal(typeof claims.login_id, 'string');
  assert.ok(claims.exp * 1000 > Date.now() + 15 * 60 * 1000);
});

test('a wrong secret is told as an error, by both methods', async () => {
  for (const authCredentialsMethod of ['body', 'header']) {
    const medplum = new MedplumClient({ baseUrl: BASE_URL, authCredentialsMethod });
    await assert.rejects(medplum.startClientLogin(CLIENT_ID, 'wrong'), (error) => {
      assert.notEqual(normalizeErrorString(error), '');
      return true;
    });
    assert.equal(medplum.getProfile(), undefined);
  }
});

test('a client that does not exist is refused as one with a wrong secret is', async () => {
  const answer = async (id, secret) => {
    const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: id, client_secret: secret });
    const response = await fetch(`${BASE_URL}oauth2/token`, { method: 'POST', body });
    return [response.status, await response.text()];
  };
  const [wrong, unknown] = [await answer(CLIENT_ID, 'wrong'), await answer('nobody', 'wrong')];
  assert.deepEqual(unknown, wrong);
  assert.ok(wrong[0] >= 400 && wrong[0] < 500, `status ${wrong[0]}`);
  assert.ok(JSON.parse(wrong[1]).error);
});

test('without a token, and with one that nobody issued, the answer is 401 and an outcome', async () => {
  const medplum = await connect();
  for (const Authorization of ['', 'Bearer ', 'Bearer null', 'Bearer 1-', `Bearer ${medplum.getAccessToken()}x`]) {
    const response = await raw(medplum, 'GET', 'fhir/R4/Patient', { headers: { Authorization } });
    assert.equal(response.status, 401, `with ${JSON.stringify(Authorization.slice(0, 12))}`);
    assert.ok(isUnauthenticated(await response.json()));
  }
});

test('a token that nobody issued makes the client say that it is not signed in', async () => {
  let asked = 0;
  const medplum = new MedplumClient({ baseUrl: BASE_URL, accessToken: 'opaque', onUnauthenticated: () => asked++ });
  assert.ok(isUnauthenticated(await refused(medplum.searchResources('Patient'))));
  assert.equal(asked, 1);
});
