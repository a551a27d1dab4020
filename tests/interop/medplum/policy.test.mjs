// A client whose policy admits only the threads it takes part in: what is hidden answers as if it were not there.
import './websocket.mjs';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getReferenceString, getStatus, isNotFound, isUnauthenticated } from '@medplum/core';
import {
  connect,
  found,
  header,
  ids,
  LIMITED_ID,
  LIMITED_SECRET,
  message,
  peerLacks,
  people,
  refused,
  unique,
} from './support.mjs';

const medplum = await connect();
const limited = await connect({ id: LIMITED_ID, secret: LIMITED_SECRET });
const me = { reference: getReferenceString(limited.getProfile()) };
const everyone = await people(medplum);
const mine = await medplum.createResource(header(everyone, { recipient: [everyone.alice, me] }));
const hidden = await medplum.createResource(header(everyone));
const toMe = await medplum.createResource(message(everyone, mine, { recipient: [me] }));
await medplum.createResource(message(everyone, hidden));

test('the limited client reads the thread it takes part in', async () => {
  assert.equal((await limited.readResource('Communication', mine.id)).id, mine.id);
  assert.equal((await limited.readResource('Communication', toMe.id)).id, toMe.id);
});

test('any other thread is not found, in the words for one that never was', async () => {
  const outcome = await refused(limited.readResource('Communication', hidden.id));
  assert.ok(isNotFound(outcome));
  assert.deepEqual(outcome, await refused(limited.readResource('Communication', unique('none'))));
  assert.ok(isNotFound(await refused(limited.readHistory('Communication', hidden.id))));
});

test('searches leave out what is hidden', async () => {
  const subject = everyone.homer.reference;
  found(await limited.searchResources('Communication', { subject }), mine, toMe);
  found(await limited.searchResources('Communication', { _id: hidden.id }));
});

test(
  'nor do totals, includes and chains tell of it',
  peerLacks('has a policy in its adapter, for rows alone'),
  async () => {
    const subject = everyone.homer.reference;
    assert.equal((await limited.search('Communication', { subject, _total: 'accurate', _count: 1 })).total, 2);
    const bundle = await limited.search('Communication', {
      subject,
      'part-of:missing': true,
      _revinclude: 'Communication:part-of',
    });
    assert.deepEqual(ids(bundle.entry.map((entry) => entry.resource)), ids([mine, toMe]));
    found(await limited.searchResources('Communication', { 'part-of:Communication.subject': subject }), toMe);
    assert.equal((await limited.search('Communication', { subject, _summary: 'count' })).total, 2);
  }
);

test('a type that the policy does not name is forbidden, which is no reason to sign in again', async () => {
  const outcome = await refused(limited.searchResources('Observation'));
  assert.equal(getStatus(outcome), 403);
  assert.ok(!isUnauthenticated(outcome));
  assert.ok(limited.isAuthenticated());
  assert.equal((await limited.readResource('Communication', mine.id)).id, mine.id);
});

test('what is hidden can not be changed, and is not', async () => {
  const close = [{ op: 'replace', path: '/status', value: 'completed' }];
  const outcome = await refused(limited.patchResource('Communication', hidden.id, close));
  assert.ok([403, 404].includes(getStatus(outcome)));
  assert.equal((await medplum.readResource('Communication', hidden.id)).status, 'in-progress');
});

test('a batch tells no more than single calls do', peerLacks('forbids its limited client every POST'), async () => {
  const get = (url) => ({ request: { method: 'GET', url } });
  const answer = await limited.executeBatch({
    resourceType: 'Bundle',
    type: 'batch',
    entry: [get(`Communication/${mine.id}`), get(`Communication/${hidden.id}`), get(`Communication?_id=${hidden.id}`)],
  });
  assert.deepEqual(
    answer.entry.map((entry) => entry.response.status.slice(0, 3)),
    ['200', '404', '200']
  );
  assert.deepEqual(answer.entry[2].resource.entry ?? [], []);
});
