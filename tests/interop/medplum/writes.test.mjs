// Update, patch, delete, history: what the client sends, and what must not happen.
import './websocket.mjs';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { getStatus, isGone, isNotFound, isOk } from '@medplum/core';
import { connect, peerLacks, people, refused, text, unique } from './support.mjs';

const medplum = await connect();
const everyone = await people(medplum);
const MRN = 'https://clinic.example/mrn';

const patient = (changes = {}) => ({
  resourceType: 'Patient',
  name: [{ family: 'Simpson', given: ['Bart'] }],
  ...changes,
});
const task = (changes = {}) => ({
  resourceType: 'Task',
  status: 'requested',
  intent: 'order',
  for: everyone.homer,
  ...changes,
});
const stale = (version) => ({ headers: { 'If-Match': `W/"${version}"` } });
const same = (one) => medplum.readResource(one.resourceType, one.id);

describe('updateResource', () => {
  test('stores a new version', async () => {
    const before = await medplum.createResource(patient());
    const after = await medplum.updateResource({ ...before, gender: 'male' });
    assert.equal(after.gender, 'male');
    assert.notEqual(after.meta.versionId, before.meta.versionId);
    assert.equal((await same(before)).gender, 'male');
  });

  test('of what has not changed makes no version', peerLacks('makes one all the same'), async () => {
    const before = await medplum.createResource(patient());
    const after = await medplum.updateResource(before);
    assert.equal(after.meta.versionId, before.meta.versionId);
    assert.equal((await same(before)).meta.versionId, before.meta.versionId);
  });

  test('from a version that is no longer the newest is refused with 412', async () => {
    const before = await medplum.createResource(patient());
    const now = await medplum.updateResource({ ...before, gender: 'male' }, stale(before.meta.versionId));
    const outcome = await refused(
      medplum.updateResource({ ...before, gender: 'female' }, stale(before.meta.versionId))
    );
    assert.equal(getStatus(outcome), 412, text(outcome));
    assert.deepEqual(await same(before), now);
  });

  test('with another id in the body than in the address is refused with 400', async () => {
    const [one, other] = [await medplum.createResource(patient()), await medplum.createResource(patient())];
    const body = { ...other, gender: 'other' };
    const outcome = await refused(medplum.put(medplum.fhirUrl('Patient', one.id), body));
    assert.equal(getStatus(outcome), 400);
    assert.equal((await same(other)).gender, undefined);
  });

  test('of what is not valid is refused, naming the element', async () => {
    const before = await medplum.createResource(task());
    const outcome = await refused(medplum.updateResource({ ...before, status: undefined }));
    assert.equal(getStatus(outcome), 400);
    assert.match(JSON.stringify(outcome), /status/);
    assert.equal((await same(before)).status, 'requested');
  });
});

describe('patchResource', () => {
  test('answers with the whole new resource', async () => {
    const before = await medplum.createResource(patient());
    const after = await medplum.patchResource('Patient', before.id, [{ op: 'add', path: '/gender', value: 'male' }]);
    assert.equal(after.gender, 'male');
    assert.deepEqual(after.name, before.name);
    assert.notEqual(after.meta.versionId, before.meta.versionId);
  });

  test('with one operation that fails changes nothing', async () => {
    const before = await medplum.createResource(patient());
    const failing = [
      [{ op: 'test', path: '/name/0/family', value: 'Flanders' }],
      [{ op: 'remove', path: '/birthDate' }],
      [{ op: 'replace', path: '/name/7/family', value: 'Nobody' }],
      [{ op: 'add', path: '/name/-/', value: {} }],
    ];
    for (const operations of failing) {
      const all = [{ op: 'add', path: '/gender', value: 'male' }, ...operations];
      const outcome = await refused(medplum.patchResource('Patient', before.id, all));
      assert.equal(getStatus(outcome), 400, JSON.stringify(operations));
    }
    assert.deepEqual(await same(before), before);
  });

  test('passes a test operation that holds', async () => {
    const before = await medplum.createResource(patient());
    const after = await medplum.patchResource('Patient', before.id, [
      { op: 'test', path: '/meta/versionId', value: before.meta.versionId },
      { op: 'copy', from: '/name/0/given/0', path: '/name/0/given/1' },
      { op: 'move', from: '/name/0/family', path: '/name/0/text' },
    ]);
    assert.deepEqual(after.name, [{ text: 'Simpson', given: ['Bart', 'Bart'] }]);
  });

  test('into what is not valid is refused and changes nothing', async () => {
    const before = await medplum.createResource(patient());
    const outcome = await refused(
      medplum.patchResource('Patient', before.id, [{ op: 'add', path: '/birthDate', value: 'yesterday' }])
    );
    assert.equal(getStatus(outcome), 400);
    assert.deepEqual(await same(before), before);
  });

  test(
    'claims a Task that has no owner by replace, as the guide does',
    peerLacks('follows RFC 6902 here'),
    async () => {
      const before = await medplum.createResource(task());
      const after = await medplum.patchResource('Task', before.id, [
        { op: 'replace', path: '/status', value: 'accepted' },
        { op: 'replace', path: '/owner', value: everyone.alice },
      ]);
      assert.equal(after.owner.reference, everyone.alice.reference);
      assert.equal(after.status, 'accepted');
    }
  );

  test('adds the first note to a Task that has none, as the guide does', async () => {
    const before = await medplum.createResource(task());
    const note = { text: 'Called back', time: '2024-04-10T12:00:00Z', authorReference: everyone.alice };
    const after = await medplum.patchResource('Task', before.id, [{ op: 'add', path: '/note/-', value: note }]);
    assert.deepEqual(
      after.note.map((one) => one.text),
      ['Called back']
    );
  });

  test('from a version that is no longer the newest is refused with 412', async () => {
    const before = await medplum.createResource(patient());
    const male = [{ op: 'add', path: '/gender', value: 'male' }];
    const now = await medplum.patchResource('Patient', before.id, male, stale(before.meta.versionId));
    const female = [{ op: 'add', path: '/gender', value: 'female' }];
    const outcome = await refused(medplum.patchResource('Patient', before.id, female, stale(before.meta.versionId)));
    assert.equal(getStatus(outcome), 412, text(outcome));
    assert.deepEqual(await same(before), now);
  });

  test('of what is not there answers 404', async () => {
    const outcome = await refused(medplum.patchResource('Patient', unique('none'), [{ op: 'remove', path: '/name' }]));
    assert.ok(isNotFound(outcome));
  });
});

describe('deleteResource', () => {
  test('takes a resource away: 410 afterwards, and no search finds it', async () => {
    const value = unique('gone');
    const one = await medplum.createResource(patient({ identifier: [{ system: MRN, value }] }));
    await medplum.deleteResource('Patient', one.id);
    assert.ok(isGone(await refused(same(one))));
    assert.deepEqual(await medplum.searchResources('Patient', { identifier: value }).then((all) => all.length), 0);
  });

  test('answers an outcome that is ok, or nothing', async () => {
    const one = await medplum.createResource(patient());
    const answer = await medplum.deleteResource('Patient', one.id);
    assert.ok(answer === undefined || isOk(answer));
  });

  test('twice does no harm, and of what never was answers 404', async () => {
    const one = await medplum.createResource(patient());
    await medplum.deleteResource('Patient', one.id);
    await medplum.deleteResource('Patient', one.id);
    assert.ok(isNotFound(await refused(medplum.deleteResource('Patient', unique('none')))));
  });
});

describe('history', () => {
  test('lists the versions, newest first, and each can be read', async () => {
    const first = await medplum.createResource(patient());
    const second = await medplum.updateResource({ ...first, gender: 'male' });
    const third = await medplum.patchResource('Patient', first.id, [
      { op: 'replace', path: '/gender', value: 'other' },
    ]);
    const history = await medplum.readHistory('Patient', first.id);
    assert.equal(history.type, 'history');
    const versions = history.entry.map((entry) => entry.resource.meta.versionId);
    assert.deepEqual(
      versions,
      [third, second, first].map((one) => one.meta.versionId)
    );
    assert.deepEqual(await medplum.readVersion('Patient', first.id, second.meta.versionId), second);
  });

  test('of a Task says who owned it when', async () => {
    const one = await medplum.createResource(task({ owner: everyone.alice }));
    await medplum.patchResource('Task', one.id, [{ op: 'replace', path: '/owner', value: everyone.bob }]);
    const history = await medplum.readHistory('Task', one.id);
    const owners = history.entry.map((entry) => entry.resource.owner.reference);
    assert.deepEqual(owners, [everyone.bob.reference, everyone.alice.reference]);
  });

  test('has no version that never was', async () => {
    const one = await medplum.createResource(patient());
    assert.ok(isNotFound(await refused(medplum.readVersion('Patient', one.id, unique('none')))));
    assert.ok(isNotFound(await refused(medplum.readHistory('Patient', unique('none')))));
  });
});
