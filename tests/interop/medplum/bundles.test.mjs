// executeBatch: transactions, batches, and the reads that the client puts into a batch by itself.
import './websocket.mjs';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { getStatus, isNotFound, isOk } from '@medplum/core';
import { connect, FHIR_URL, found, header, id, location, message, people, refused, text, unique } from './support.mjs';

const medplum = await connect();
const everyone = await people(medplum);
const { alice, homer } = everyone;

const post = (resource, more = {}) => ({ request: { method: 'POST', url: resource.resourceType }, resource, ...more });
const get = (url) => ({ request: { method: 'GET', url } });
const bundle = (type, ...entry) => ({ resourceType: 'Bundle', type, entry });
const byTopic = async (topic) =>
  (await medplum.searchResources('Communication', { subject: homer.reference, _count: 500 })).filter(
    (one) => one.topic?.text === topic
  );

/** A thread and its first message, which refers to it by a urn:uuid, in one transaction. */
function thread(topic, changes = {}) {
  const urn = `urn:uuid:${randomUUID()}`;
  const start = header(everyone, { topic: { text: topic } });
  const said = message(everyone, start, { partOf: [{ reference: urn }], ...changes });
  return bundle('transaction', post(start, { fullUrl: urn }), post(said, { fullUrl: `urn:uuid:${randomUUID()}` }));
}

describe('a transaction', () => {
  test('stores a thread and its first message, which finds it', async () => {
    const answer = await medplum.executeBatch(thread(unique('topic')));
    assert.equal(answer.type, 'transaction-response');
    assert.deepEqual(
      answer.entry.map((entry) => entry.response.status.slice(0, 3)),
      ['201', '201']
    );
    const [start, said] = answer.entry.map(location);
    const stored = await medplum.readReference({ reference: said });
    assert.equal(stored.partOf[0].reference, start);
    found(await medplum.searchResources('Communication', { 'part-of': start }), stored);
  });

  test('may name an entry before that entry comes', async () => {
    const backwards = thread(unique('topic'));
    backwards.entry.reverse();
    const answer = await medplum.executeBatch(backwards);
    const [said, start] = answer.entry.map(location);
    assert.equal((await medplum.readReference({ reference: said })).partOf[0].reference, start);
  });

  test('with one bad entry stores nothing', async () => {
    const topic = unique('rolled-back');
    const outcome = await refused(
      medplum.executeBatch(thread(topic, { sender: { reference: 'Patient/nobody-at-all' } }))
    );
    assert.equal(getStatus(outcome), 400, text(outcome));
    assert.deepEqual(await byTopic(topic), []);
    const invalid = thread(topic);
    delete invalid.entry[1].resource.status;
    assert.equal(getStatus(await refused(medplum.executeBatch(invalid))), 400);
    assert.deepEqual(await byTopic(topic), []);
  });

  test('creates once what has an identifier, however often it is sent', async () => {
    const value = unique('client');
    const sent = message(everyone, await medplum.createResource(header(everyone)), {
      identifier: [{ system: 'https://clinic.example/client-id', value }],
    });
    const once = post(sent);
    once.request.ifNoneExist = `identifier=https://clinic.example/client-id|${value}`;
    const first = await medplum.executeBatch(bundle('transaction', once));
    const again = await medplum.executeBatch(bundle('transaction', once));
    assert.equal(again.entry[0].response.status.slice(0, 3), '200');
    assert.equal(location(again.entry[0]), location(first.entry[0]));
    assert.equal((await medplum.searchResources('Communication', { identifier: value })).length, 1);
  });

  test('resolves conditional references', async () => {
    const value = unique('mrn');
    const found = await medplum.createResource({
      resourceType: 'Patient',
      identifier: [{ system: 'https://clinic.example/mrn', value }],
    });
    const conditional = { reference: `Patient?identifier=https://clinic.example/mrn|${value}` };
    const answer = await medplum.executeBatch(
      bundle('transaction', post(header(everyone, { subject: conditional, recipient: [alice, conditional] })))
    );
    const stored = await medplum.readReference({ reference: location(answer.entry[0]) });
    assert.equal(stored.subject.reference, `Patient/${found.id}`);
    assert.equal(stored.recipient[1].reference, `Patient/${found.id}`);
  });

  test('carries out updates, patches and deletes together', async () => {
    const [one, two, three] = [
      await medplum.createResource(header(everyone)),
      await medplum.createResource(header(everyone)),
      await medplum.createResource(header(everyone)),
    ];
    const patch = Buffer.from(JSON.stringify([{ op: 'replace', path: '/status', value: 'completed' }])).toString(
      'base64'
    );
    const answer = await medplum.executeBatch(
      bundle(
        'transaction',
        { request: { method: 'PUT', url: `Communication/${one.id}` }, resource: { ...one, topic: { text: 'Put' } } },
        {
          request: { method: 'PATCH', url: `Communication/${two.id}` },
          resource: { resourceType: 'Binary', contentType: 'application/json-patch+json', data: patch },
        },
        { request: { method: 'DELETE', url: `Communication/${three.id}` } }
      )
    );
    assert.equal(answer.entry.length, 3);
    assert.equal((await medplum.readResource('Communication', one.id)).topic.text, 'Put');
    assert.equal((await medplum.readResource('Communication', two.id)).status, 'completed');
    assert.equal(getStatus(await refused(medplum.readResource('Communication', three.id))), 410);
  });

  test('with a stale version stores nothing', async () => {
    const topic = unique('stale');
    const one = await medplum.createResource(header(everyone));
    await medplum.updateResource({ ...one, topic: { text: 'Newer' } });
    const stale = {
      request: { method: 'PUT', url: `Communication/${one.id}`, ifMatch: `W/"${one.meta.versionId}"` },
      resource: { ...one, topic: { text: 'Late' } },
    };
    const outcome = await refused(medplum.executeBatch({ ...thread(topic), entry: [...thread(topic).entry, stale] }));
    assert.equal(getStatus(outcome), 412, text(outcome));
    assert.deepEqual(await byTopic(topic), []);
    assert.equal((await medplum.readResource('Communication', one.id)).topic.text, 'Newer');
  });
});

describe('a batch', () => {
  test('answers each entry by itself, in order', async () => {
    const one = await medplum.createResource(header(everyone));
    const topic = unique('batch');
    const answer = await medplum.executeBatch(
      bundle(
        'batch',
        get(`Communication/${one.id}`),
        get(`Communication/${unique('none')}`),
        get(`Communication?_id=${one.id}`),
        post(header(everyone, { topic: { text: topic } })),
        post({ ...header(everyone), status: undefined })
      )
    );
    assert.equal(answer.type, 'batch-response');
    const statuses = answer.entry.map((entry) => entry.response.status.slice(0, 3));
    assert.deepEqual(statuses, ['200', '404', '200', '201', '400']);
    assert.equal(answer.entry[0].resource.id, one.id);
    assert.ok(isNotFound(answer.entry[1].response.outcome));
    found(
      answer.entry[2].resource.entry.map((entry) => entry.resource),
      one
    );
    assert.equal(answer.entry[4].response.outcome.resourceType, 'OperationOutcome');
    assert.equal((await byTopic(topic)).length, 1);
  });

  test('is what the client makes of reads that come together', async () => {
    const [one, two] = [await medplum.createResource(header(everyone)), await medplum.createResource(header(everyone))];
    const requests = [];
    const counting = (url, options) => (requests.push(`${options.method} ${url}`), fetch(url, options));
    const batching = await connect({ autoBatchTime: 20, fetch: counting });
    requests.length = 0;
    const [a, b, none] = await Promise.allSettled([
      batching.readResource('Communication', one.id),
      batching.readReference({ reference: `Communication/${two.id}` }),
      batching.readResource('Communication', unique('none')),
    ]);
    assert.deepEqual([a.value?.id, b.value?.id], [one.id, two.id]);
    assert.ok(isNotFound(none.reason.outcome));
    assert.deepEqual(
      requests.map((each) => each.replace(/\/$/, '')),
      [`POST ${FHIR_URL}`]
    );
  });

  test('entries that did well have an outcome that is ok, or none', async () => {
    const one = await medplum.createResource(header(everyone));
    const answer = await medplum.executeBatch(
      bundle('batch', get(`/Communication/${one.id}`), get(`/Patient/${id(homer.reference)}`))
    );
    for (const entry of answer.entry) {
      assert.ok(!entry.response.outcome || isOk(entry.response.outcome), JSON.stringify(entry.response));
      assert.ok(entry.resource.id);
    }
  });
});
