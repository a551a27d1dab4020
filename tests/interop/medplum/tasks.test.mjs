// The guides about answering: Tasks of a thread, pools, claiming, rerouting, reminders.
import './websocket.mjs';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getReferenceString } from '@medplum/core';
import { connect, found, header, peerLacks, people, unique } from './support.mjs';

const medplum = await connect();
const everyone = await people(medplum);
const { alice, bob, homer } = everyone;
const pool = (code, display) => [{ coding: [{ system: 'http://snomed.info/sct', code, display }] }];

async function asked(changes = {}) {
  const thread = await medplum.createResource(header(everyone));
  const task = await medplum.createResource({
    resourceType: 'Task',
    status: 'requested',
    intent: 'order',
    priority: 'routine',
    focus: { reference: getReferenceString(thread) },
    for: homer,
    performerType: pool('224535009', 'Registered nurse'),
    requester: alice,
    authoredOn: new Date().toISOString(),
    ...changes,
  });
  return { thread, task };
}

test('a Task of a pool is found by its role until somebody owns it', async () => {
  const code = unique('role');
  const { task } = await asked({ performerType: pool(code) });
  const performer = `http://snomed.info/sct|${code}`;
  found(await medplum.searchResources('Task', { performer, status: 'requested' }), task);
  found(await medplum.searchResources('Task', { performer, 'owner:missing': true }), task);
  await medplum.patchResource('Task', task.id, [
    { op: 'replace', path: '/status', value: 'accepted' },
    { op: 'add', path: '/owner', value: bob },
  ]);
  found(await medplum.searchResources('Task', { performer, 'owner:missing': true }));
  found(await medplum.searchResources('Task', { performer, 'owner:missing': false }), task);
});

test('the threads of a pool come with its Tasks', async () => {
  const code = unique('role');
  const { task, thread } = await asked({ performerType: pool(code) });
  const bundle = await medplum.search('Task', {
    performer: `http://snomed.info/sct|${code}`,
    'owner:missing': true,
    _include: 'Task:focus',
  });
  const modes = Object.fromEntries(bundle.entry.map((entry) => [entry.resource.id, entry.search?.mode]));
  assert.deepEqual(modes, { [task.id]: 'match', [thread.id]: 'include' });
});

test('a Task goes from a pool to a person and back to a pool', async () => {
  const { task, thread } = await asked();
  const owned = await medplum.patchResource('Task', task.id, [
    { op: 'add', path: '/owner', value: bob },
    { op: 'remove', path: '/performerType' },
  ]);
  assert.equal(owned.owner.reference, bob.reference);
  assert.equal(owned.performerType, undefined);
  const back = await medplum.patchResource('Task', task.id, [
    { op: 'remove', path: '/owner' },
    { op: 'replace', path: '/status', value: 'requested' },
    { op: 'add', path: '/performerType', value: pool('17561000', 'Cardiologist') },
  ]);
  assert.equal(back.owner, undefined);
  assert.equal(back.performerType[0].coding[0].code, '17561000');
  const nobody = await medplum.patchResource('Communication', thread.id, [{ op: 'remove', path: '/recipient' }]);
  assert.equal(nobody.recipient, undefined);
  found(await medplum.searchResources('Communication', { recipient: homer.reference, _id: thread.id }));
});

test('a Task is passed on with a note and a coded reason', async () => {
  const { task } = await asked({ owner: alice });
  await medplum.patchResource('Task', task.id, [
    { op: 'replace', path: '/owner', value: bob },
    {
      op: 'add',
      path: '/note/-',
      value: { authorReference: alice, time: new Date().toISOString(), text: 'For cardiology' },
    },
  ]);
  const reason = [
    { coding: [{ system: 'https://medplum.com/CodeSystem/reroute-reason', code: 'specialty-referral' }] },
  ];
  const why = await medplum.createResource({
    resourceType: 'Provenance',
    target: [{ reference: `Task/${task.id}` }],
    recorded: new Date().toISOString(),
    agent: [{ who: alice }],
    reason,
  });
  found(await medplum.searchResources('Provenance', { target: `Task/${task.id}` }), why);
  found(await medplum.searchResources('Provenance', { target: `Task/${unique('other')}` }));
});

test('read receipts are counted and found, by person and by thread', async () => {
  const code = { coding: [{ system: 'https://medplum.com/task-codes', code: unique('read-receipt') }] };
  const value = `https://medplum.com/task-codes|${code.coding[0].code}`;
  const { task, thread } = await asked({ code, owner: bob, performerType: undefined });
  const { task: other } = await asked({ code, owner: bob, performerType: undefined });
  const mine = { code: value, owner: bob.reference, status: 'requested' };
  found(await medplum.searchResources('Task', mine), task, other);
  found(await medplum.searchResources('Task', { ...mine, focus: `Communication/${thread.id}` }), task);
  assert.equal((await medplum.search('Task', { ...mine, _total: 'accurate', _count: 0 })).total, 2);
  await medplum.patchResource('Task', task.id, [{ op: 'replace', path: '/status', value: 'completed' }]);
  found(await medplum.searchResources('Task', mine), other);
  assert.equal((await medplum.search('Task', { ...mine, _summary: 'count' })).total, 1);
  found(await medplum.searchResources('Task', { code: value, status: 'requested,completed' }), task, other);
});

test('an old thread without an answer is found, and gets one reminder', async () => {
  const thread = await medplum.createResource(header(everyone));
  const old = (cutoff) =>
    medplum.searchResources('Communication', {
      'part-of:missing': true,
      status: 'in-progress',
      _lastUpdated: `lt${cutoff.toISOString()}`,
      _id: thread.id,
    });
  found(await old(new Date(Date.now() - 3 * 86_400_000)));
  found(await old(new Date(Date.now() + 86_400_000)), thread);
});

test('whether somebody is there is asked of the Schedule', peerLacks('has no $find'), async () => {
  const schedule = await medplum.createResource({ resourceType: 'Schedule', active: true, actor: [bob] });
  found(await medplum.searchResources('Schedule', { actor: bob.reference }), schedule);
  const [start, end] = [new Date(Date.now() + 60_000), new Date(Date.now() + 3_660_000)].map((one) =>
    one.toISOString()
  );
  const find = () =>
    medplum.post(medplum.fhirUrl('Schedule', schedule.id, '$find'), {
      resourceType: 'Parameters',
      parameter: [
        { name: 'start', valueDateTime: start },
        { name: 'end', valueDateTime: end },
      ],
    });
  const free = (result) => result.parameter[0].resource.entry?.filter((one) => one.resource.status === 'free') ?? [];
  assert.equal((await find()).parameter[0].resource.resourceType, 'Bundle');
  assert.deepEqual(free(await find()), []);
  await medplum.createResource({
    resourceType: 'Slot',
    status: 'free',
    start,
    end,
    schedule: { reference: `Schedule/${schedule.id}` },
  });
  assert.equal(free(await find()).length, 1);
});
