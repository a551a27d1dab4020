// What is written on a condition: upsert, create if none exists, references that are searches.
import './websocket.mjs';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { getStatus } from '@medplum/core';
import { connect, header, message, peerLacks, people, refused, text, unique } from './support.mjs';

const medplum = await connect();
const everyone = await people(medplum);
const MRN = 'https://clinic.example/mrn';

const patient = (changes = {}) => ({
  resourceType: 'Patient',
  name: [{ family: 'Simpson', given: ['Bart'] }],
  ...changes,
});
const same = (one) => medplum.readResource(one.resourceType, one.id);

describe('upsertResource', () => {
  const conversation = (value, changes = {}) =>
    header(everyone, { identifier: [{ system: 'https://twilio.com', value }], ...changes });

  test('creates what is not there and updates what is', async () => {
    const value = unique('CH');
    const query = { identifier: `https://twilio.com|${value}` };
    const created = await medplum.upsertResource(conversation(value), query);
    assert.ok(created.id);
    const updated = await medplum.upsertResource(conversation(value, { topic: { text: 'By SMS' } }), query);
    assert.equal(updated.id, created.id);
    assert.equal(updated.topic.text, 'By SMS');
    assert.equal((await medplum.searchResources('Communication', query)).length, 1);
  });

  test('of what is there unchanged makes no version', peerLacks('makes one all the same'), async () => {
    const value = unique('CH');
    const query = `identifier=https://twilio.com|${value}`;
    const created = await medplum.upsertResource(conversation(value), query);
    await medplum.upsertResource(conversation(value), query);
    assert.equal((await same(created)).meta.versionId, created.meta.versionId);
  });

  test(
    'of a thread that has messages since then leaves it as it is',
    peerLacks('makes a version all the same'),
    async () => {
      const value = unique('CH');
      const query = { identifier: `https://twilio.com|${value}` };
      const created = await medplum.upsertResource(conversation(value), query);
      const { bob, homer } = everyone;
      await medplum.createResource(message(everyone, created, { recipient: [bob, homer] }));
      const before = await same(created);
      await medplum.upsertResource(conversation(value), query);
      assert.deepEqual(await same(created), before);
    }
  );

  test('refuses when several match, with 412', async () => {
    const value = unique('CH');
    await medplum.createResource(conversation(value));
    await medplum.createResource(conversation(value));
    const outcome = await refused(
      medplum.upsertResource(conversation(value), { identifier: `https://twilio.com|${value}` })
    );
    assert.equal(getStatus(outcome), 412);
  });
});

describe('createResourceIfNoneExist', () => {
  test('creates once, however often it is called', async () => {
    const value = unique('SM');
    const thread = await medplum.createResource(header(everyone));
    const sms = message(everyone, thread, { identifier: [{ system: 'https://twilio.com', value }] });
    const first = await medplum.createResourceIfNoneExist(sms, `identifier=https://twilio.com|${value}`);
    const again = await medplum.createResourceIfNoneExist(sms, `identifier=https://twilio.com|${value}`);
    assert.equal(again.id, first.id);
    assert.equal(again.meta.versionId, first.meta.versionId);
    assert.equal((await medplum.searchResources('Communication', { identifier: value })).length, 1);
  });

  test('creates when only another has the identifier', async () => {
    const [one, other] = [unique('A'), unique('B')];
    const first = await medplum.createResourceIfNoneExist(
      patient({ identifier: [{ system: MRN, value: one }] }),
      `identifier=${MRN}|${one}`
    );
    const second = await medplum.createResourceIfNoneExist(
      patient({ identifier: [{ system: MRN, value: other }] }),
      `identifier=${MRN}|${other}`
    );
    assert.notEqual(second.id, first.id);
  });

  test('refuses when several match, with 412, and creates nothing', async () => {
    const value = unique('twice');
    const twice = patient({ identifier: [{ system: MRN, value }] });
    await medplum.createResource(twice);
    await medplum.createResource(twice);
    const outcome = await refused(medplum.createResourceIfNoneExist(twice, `identifier=${MRN}|${value}`));
    assert.equal(getStatus(outcome), 412);
    assert.equal(outcome.id, 'multiple-matches');
    assert.equal((await medplum.searchResources('Patient', { identifier: `${MRN}|${value}` })).length, 2);
  });

  test('called twice at once makes one resource', async () => {
    const value = unique('race');
    const one = () =>
      medplum.createResourceIfNoneExist(
        patient({ identifier: [{ system: MRN, value }] }),
        `identifier=${MRN}|${value}`
      );
    const made = await Promise.all([one(), one(), one(), one()]);
    assert.equal(new Set(made.map((each) => each.id)).size, 1);
  });
});

describe('conditional references', () => {
  test('sender and thread of an incoming SMS are found while it is created', async () => {
    const [conversation, phone] = [unique('CH'), `+1555${Date.now()}`];
    const { alice } = everyone;
    const marge = await medplum.createResource(patient({ telecom: [{ system: 'phone', value: phone }] }));
    const thread = await medplum.createResource(
      header(everyone, {
        identifier: [{ system: 'https://twilio.com', value: conversation }],
        recipient: [alice, { reference: `Patient/${marge.id}` }],
      })
    );
    const received = await medplum.createResource(
      message(everyone, thread, {
        partOf: [{ reference: `Communication?identifier=https://twilio.com|${conversation}` }],
        sender: { reference: `Patient?phone=${phone}` },
        recipient: [alice],
      })
    );
    assert.equal(received.sender.reference, `Patient/${marge.id}`);
    assert.equal(received.partOf[0].reference, `Communication/${thread.id}`);
  });

  test('that find nobody, or two, refuse the whole create', async () => {
    const [nobody, phone] = [unique('nobody'), `+1556${Date.now()}`];
    const thread = await medplum.createResource(header(everyone));
    await medplum.createResource(patient({ telecom: [{ system: 'phone', value: phone }] }));
    await medplum.createResource(patient({ telecom: [{ system: 'phone', value: phone }] }));
    for (const reference of [`Patient?identifier=${nobody}`, `Patient?phone=${phone}`]) {
      const outcome = await refused(medplum.createResource(message(everyone, thread, { sender: { reference } })));
      assert.ok([400, 412].includes(getStatus(outcome)), text(outcome));
    }
    assert.equal(
      (await medplum.searchResources('Communication', { 'part-of': `Communication/${thread.id}` })).length,
      0
    );
  });
});
