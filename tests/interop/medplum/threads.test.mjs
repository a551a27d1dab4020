// The messaging guide: a thread header, messages, replies, participants, closing.
import './websocket.mjs';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getReferenceString, isGone, isNotFound } from '@medplum/core';
import { connect, header, ids, message, people, refused, text, unique } from './support.mjs';

const medplum = await connect();
const everyone = await people(medplum);

test('a header, a message and a reply make a thread that reads in order', async () => {
  const { alice, bob, homer } = everyone;
  const thread = await medplum.createResource(header(everyone));
  assert.ok(thread.id && thread.meta.versionId && thread.meta.lastUpdated);
  assert.equal(thread.payload, undefined);
  const first = await medplum.createResource(message(everyone, thread));
  const reply = await medplum.createResource(
    message(everyone, thread, { sender: homer, recipient: [alice, bob], sent: '2024-04-10T10:05:00Z' })
  );
  const read = await medplum.searchResources('Communication', { 'part-of': getReferenceString(thread), _sort: 'sent' });
  assert.deepEqual(
    read.map((one) => one.id),
    [first.id, reply.id]
  );
  assert.equal(Date.parse(read[0].sent), Date.parse('2024-04-10T10:00:00Z'));
  assert.equal(read[1].sender.reference, homer.reference);
});

test('messages without topic and subject, as the walkthrough writes them, are found through their thread', async () => {
  const thread = await medplum.createResource(header(everyone));
  const bare = await medplum.createResource(message(everyone, thread, { subject: undefined, topic: undefined }));
  const read = await medplum.searchResources('Communication', { 'part-of': `Communication/${thread.id}` });
  assert.deepEqual(ids(read), [bare.id]);
});

test('a reply to one message says which', async () => {
  const { alice, homer } = everyone;
  const thread = await medplum.createResource(header(everyone));
  const question = await medplum.createResource(message(everyone, thread, { sender: homer, recipient: [alice] }));
  const answer = await medplum.createResource(
    message(everyone, thread, { inResponseTo: [{ reference: getReferenceString(question) }] })
  );
  const read = await medplum.readResource('Communication', answer.id);
  assert.equal(read.inResponseTo[0].reference, `Communication/${question.id}`);
  assert.equal((await medplum.readReference(read.inResponseTo[0])).id, question.id);
});

test('people are added to a thread and taken out of it', async () => {
  const { alice, bob, homer } = everyone;
  const thread = await medplum.createResource(header(everyone, { recipient: [alice, homer] }));
  const more = await medplum.patchResource('Communication', thread.id, [
    { op: 'add', path: '/recipient/-', value: bob },
  ]);
  assert.deepEqual(
    more.recipient.map((one) => one.reference),
    [alice, homer, bob].map((one) => one.reference)
  );
  const fewer = await medplum.patchResource('Communication', thread.id, [
    { op: 'replace', path: '/recipient', value: more.recipient.filter((one) => one.reference !== bob.reference) },
  ]);
  assert.deepEqual(
    fewer.recipient.map((one) => one.reference),
    [alice, homer].map((one) => one.reference)
  );
});

test('a thread is closed and opened again; its messages stay as they are', async () => {
  const thread = await medplum.createResource(header(everyone));
  const sent = await medplum.createResource(message(everyone, thread));
  const close = [{ op: 'replace', path: '/status', value: 'completed' }];
  assert.equal((await medplum.patchResource('Communication', thread.id, close)).status, 'completed');
  assert.equal((await medplum.readResource('Communication', sent.id)).status, 'in-progress');
  const open = [{ op: 'replace', path: '/status', value: 'in-progress' }];
  assert.equal((await medplum.patchResource('Communication', thread.id, open)).status, 'in-progress');
});

test('a message is marked as read, and is no longer among the unread', async () => {
  const { homer } = everyone;
  const thread = await medplum.createResource(header(everyone));
  const sent = await medplum.createResource(message(everyone, thread));
  const unread = () =>
    medplum.searchResources('Communication', {
      recipient: homer.reference,
      'part-of': `Communication/${thread.id}`,
      'status:not': 'completed,entered-in-error,stopped,unknown',
      'part-of:missing': false,
      _sort: '-sent',
    });
  assert.deepEqual(ids(await unread()), [sent.id]);
  const read = await medplum.patchResource('Communication', sent.id, [
    { op: 'add', path: '/received', value: new Date().toISOString() },
    { op: 'replace', path: '/status', value: 'completed' },
  ]);
  assert.ok(read.received);
  assert.deepEqual(await unread().then(ids), []);
});

test('a message is retracted, and what replaces it answers it', async () => {
  const thread = await medplum.createResource(header(everyone));
  const wrong = await medplum.createResource(message(everyone, thread));
  await medplum.patchResource('Communication', wrong.id, [
    { op: 'replace', path: '/status', value: 'entered-in-error' },
  ]);
  const right = await medplum.createResource(
    message(everyone, thread, {
      inResponseTo: [{ reference: `Communication/${wrong.id}` }],
      category: [{ text: 'Correction', coding: [{ system: 'https://medplum.com/codes', code: 'correction' }] }],
    })
  );
  const part = { 'part-of': `Communication/${thread.id}` };
  assert.deepEqual(ids(await medplum.searchResources('Communication', { ...part, status: 'entered-in-error' })), [
    wrong.id,
  ]);
  assert.deepEqual(ids(await medplum.searchResources('Communication', { ...part, category: 'correction' })), [
    right.id,
  ]);
});

test('the state of reading is kept as an extension of the header', async () => {
  const { alice } = everyone;
  const url = 'https://medplum.com/fhir/StructureDefinition/thread-read-state';
  const thread = await medplum.createResource(header(everyone));
  const sent = await medplum.createResource(message(everyone, thread));
  const current = await medplum.readResource('Communication', thread.id);
  await medplum.updateResource({
    ...current,
    extension: [
      ...(current.extension ?? []),
      {
        url,
        extension: [
          { url: 'participant', valueReference: alice },
          { url: 'lastRead', valueReference: { reference: `Communication/${sent.id}` } },
          { url: 'lastReadAt', valueDateTime: '2024-03-15T14:30:00.000Z' },
        ],
      },
    ],
  });
  const read = await medplum.readResource('Communication', thread.id);
  const state = read.extension.find((one) => one.url === url);
  assert.equal(state.extension[1].valueReference.reference, `Communication/${sent.id}`);
});

test('a thread with tags is found by each of them', async () => {
  const value = unique('tag');
  const thread = await medplum.createResource(
    header(everyone, {
      category: [
        { text: 'Doctor', coding: [{ system: 'http://snomed.info/sct', code: '158965000' }] },
        { text: 'Own', coding: [{ system: 'https://clinic.example/tags', code: value }] },
      ],
    })
  );
  const subject = everyone.homer.reference;
  for (const category of ['http://snomed.info/sct|158965000', value, `https://clinic.example/tags|${value}`]) {
    const read = await medplum.searchResources('Communication', { category, subject });
    assert.ok(ids(read).includes(thread.id), category);
  }
  assert.deepEqual(
    ids(await medplum.searchResources('Communication', { category: `https://other.example|${value}` })),
    []
  );
});

test('what refers to nobody is refused, naming the reference, and nothing is stored', async () => {
  const { alice } = everyone;
  const topic = { text: unique('unknown') };
  const missing = { reference: `Patient/${unique('nobody')}` };
  const subject = everyone.homer;
  const outcome = await refused(medplum.createResource(header(everyone, { topic, recipient: [alice, missing] })));
  assert.equal(outcome.issue[0].severity, 'error');
  assert.match(outcome.issue[0].expression[0], /recipient/);
  const stored = await medplum.searchResources('Communication', { subject: subject.reference, _count: 100 });
  assert.ok(!stored.some((one) => one.topic?.text === topic.text));
});

test('a thread that was never there, and one that was deleted, answer as such', async () => {
  assert.ok(isNotFound(await refused(medplum.readResource('Communication', unique('none')))));
  const thread = await medplum.createResource(header(everyone));
  await medplum.deleteResource('Communication', thread.id);
  const outcome = await refused(medplum.readResource('Communication', thread.id));
  assert.ok(isGone(outcome), text(outcome));
});
