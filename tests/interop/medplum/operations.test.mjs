// Operations and errors: bots, validation, comments, what is not offered, what an error is called.
import './websocket.mjs';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { getStatus, isGone, isNotFound, isOk } from '@medplum/core';
import { connect, header, peerLacks, people, raw, refused, unique } from './support.mjs';

const medplum = await connect();
const everyone = await people(medplum);

describe('executeBot', () => {
  test('gives back what the echo bot was given: JSON', async () => {
    const input = { resourceType: 'Communication', status: 'in-progress', payload: [{ contentString: 'Grüezi' }] };
    assert.deepEqual(await medplum.executeBot('echo', input), input);
    assert.deepEqual(await medplum.executeBot('echo', { any: ['thing', 1, null] }, 'application/json'), {
      any: ['thing', 1, null],
    });
  });

  test('and text', async () => {
    assert.equal(await medplum.executeBot('echo', 'ping', 'text/plain'), 'ping');
  });

  test('finds a bot by its identifier', peerLacks('executes bots by id only'), async () => {
    const bot = await medplum.readResource('Bot', 'echo');
    assert.ok(bot.identifier?.length, 'the echo bot has an identifier');
    assert.deepEqual(await medplum.executeBot(bot.identifier[0], { said: 'ping' }), { said: 'ping' });
    assert.ok(isNotFound(await refused(medplum.executeBot({ system: 'https://none.example', value: 'none' }, {}))));
  });

  test('that does not exist is refused', async () => {
    assert.ok(isNotFound(await refused(medplum.executeBot(unique('none'), {}))));
  });
});

describe('validateResource', () => {
  test('is content with a thread, and stores nothing', async () => {
    const topic = { text: unique('only validated') };
    assert.ok(isOk(await medplum.validateResource(header(everyone, { topic }))));
    const stored = await medplum.searchResources('Communication', { subject: everyone.homer.reference });
    assert.ok(!stored.some((one) => one.topic?.text === topic.text));
  });

  test('says what is wrong', async () => {
    const wrong = { resourceType: 'Communication', status: 'in-progress', sent: 'soon', colour: 'red' };
    const answer = await medplum.validateResource(wrong).catch((error) => error.outcome);
    assert.equal(answer.resourceType, 'OperationOutcome');
    assert.ok(answer.issue.some((issue) => issue.severity === 'error'));
    assert.match(JSON.stringify(answer), /sent|colour/);
  });
});

describe('createComment', () => {
  test('writes on a patient, in the name of who is signed in', async () => {
    const patient = await medplum.readReference(everyone.homer);
    const comment = await medplum.createComment(patient, 'Prefers the telephone');
    assert.equal(comment.resourceType, 'Communication');
    const read = await medplum.readResource('Communication', comment.id);
    assert.equal(read.basedOn[0].reference, everyone.homer.reference);
    assert.equal(read.subject.reference, everyone.homer.reference);
    assert.equal(read.payload[0].contentString, 'Prefers the telephone');
  });
});

describe('what is not offered', () => {
  test('GraphQL answers 404 with an outcome', peerLacks('has GraphQL'), async () => {
    const outcome = await refused(medplum.graphql('{ CommunicationList(_count: 1) { id } }'));
    assert.ok(isNotFound(outcome));
  });

  test('a type that does not exist is refused', peerLacks('finds nothing in it instead'), async () => {
    const outcome = await refused(medplum.searchResources('Kommunikation'));
    assert.ok([400, 404].includes(getStatus(outcome)));
  });
});

describe('errors', () => {
  test('carry the id by which the client tells them apart', async () => {
    const one = await medplum.createResource({ resourceType: 'Patient' });
    assert.ok(isNotFound(await refused(medplum.readResource('Patient', unique('none')))));
    await medplum.deleteResource('Patient', one.id);
    assert.ok(isGone(await refused(medplum.readResource('Patient', one.id))));
    assert.ok(
      isGone(await refused(medplum.patchResource('Patient', one.id, [{ op: 'add', path: '/active', value: true }])))
    );
  });

  test('of a resource that is not valid name the element', async () => {
    for (const wrong of [{ status: undefined }, { statuses: 'in-progress' }]) {
      const outcome = await refused(medplum.createResource({ ...header(everyone), ...wrong }));
      assert.equal(getStatus(outcome), 400);
      assert.match(JSON.stringify(outcome), /status/);
    }
  });

  test('so do codes that are not in their value set', peerLacks('does not check value sets'), async () => {
    const outcome = await refused(medplum.createResource({ ...header(everyone), status: 'shouted' }));
    assert.equal(getStatus(outcome), 400);
    assert.equal(outcome.issue[0].expression[0], 'Communication.status');
  });

  test('of a body that is no JSON are outcomes too', async () => {
    const headers = { 'Content-Type': 'application/fhir+json' };
    const response = await raw(medplum, 'POST', 'fhir/R4/Communication', { headers, body: '{"resourceType":' });
    assert.equal(response.status, 400);
    assert.match(response.headers.get('content-type'), /json/);
    assert.equal((await response.json()).resourceType, 'OperationOutcome');
  });

  test('never come as a redirect: no address ends in a slash', async () => {
    const entry = [{ request: { method: 'GET', url: 'Patient?_count=1' } }];
    const body = JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry });
    const headers = { 'Content-Type': 'application/fhir+json' };
    for (const [method, path] of [
      ['POST', 'fhir/R4'],
      ['GET', 'fhir/R4/Patient'],
      ['GET', 'fhir/R4/metadata'],
    ]) {
      const response = await raw(medplum, method, path, method === 'POST' ? { headers, body } : {});
      assert.equal(response.status, 200, `${method} ${path}`);
    }
  });

  test('the limits that the server tells can be read', async () => {
    await medplum.searchResources('Patient', { _count: 1 });
    for (const limit of medplum.rateLimitStatus())
      assert.ok(Number.isInteger(limit.remainingUnits), JSON.stringify(limit));
  });
});
