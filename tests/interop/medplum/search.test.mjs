// Every search of the messaging guides and of Medplum's inbox: what is found, and what is not.
import './websocket.mjs';
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { getStatus } from '@medplum/core';
import {
  connect,
  FHIR_URL,
  found,
  header,
  id,
  ids,
  message,
  peerLacks,
  people,
  refused,
  text,
  unique,
} from './support.mjs';

const medplum = await connect();
const everyone = await people(medplum);
const { alice, bob, homer } = everyone;
const subject = homer.reference;
const search = (params, type = 'Communication') => medplum.searchResources(type, params);
const SID = 'https://twilio.com';

// Two threads of homer: an open one with two messages, and a closed one that is empty. One message of a third patient.
const value = unique('CH');
let open, closed, first, second, encounter, elsewhere, other;

before(async () => {
  other = await people(medplum);
  encounter = await medplum.createResource({
    resourceType: 'Encounter',
    status: 'in-progress',
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'VR' },
    subject: homer,
  });
  open = await medplum.createResource(
    header(everyone, {
      identifier: [{ system: SID, value }],
      encounter: { reference: `Encounter/${encounter.id}` },
      category: [{ coding: [{ system: 'http://snomed.info/sct', code: '394583002' }] }],
    })
  );
  closed = await medplum.createResource(
    header(everyone, { status: 'completed', sender: bob, recipient: [bob], sent: '2024-03-01T09:00:00Z' })
  );
  first = await medplum.createResource(message(everyone, open));
  second = await medplum.createResource(
    message(everyone, open, { sender: homer, recipient: [alice, bob], sent: '2024-04-10T10:05:00Z' })
  );
  elsewhere = await medplum.createResource(header(other));
});

describe('threads and messages', () => {
  test('headers are those that are part of nothing', async () => {
    found(await search({ subject, 'part-of:missing': true }), open, closed);
    found(await search({ subject, 'part-of:missing': false }), first, second);
  });

  test('messages of a thread come in the order in which they were sent', async () => {
    const order = async (_sort) =>
      (await search({ 'part-of': `Communication/${open.id}`, _sort })).map((one) => one.id);
    assert.deepEqual(await order('sent'), [first.id, second.id]);
    assert.deepEqual(await order('-sent'), [second.id, first.id]);
    found(await search({ 'part-of': `Communication/${closed.id}` }));
  });

  test('threads of a patient, of a participant, of whoever opened them', async () => {
    found(await search({ 'part-of:missing': true, subject }), open, closed);
    found(await search({ 'part-of:missing': true, recipient: alice.reference }), open);
    found(await search({ 'part-of:missing': true, recipient: `${alice.reference},${bob.reference}` }), open, closed);
    found(await search({ 'part-of:missing': true, sender: bob.reference }), closed);
    found(await search({ 'part-of:missing': true, subject: other.homer.reference }), elsewhere);
  });

  test('open threads are those whose status is none of those that end one', async () => {
    const over = 'completed,entered-in-error,stopped,unknown';
    found(await search({ subject, 'part-of:missing': true, 'status:not': over }), open);
    found(await search({ subject, 'part-of:missing': true, 'status:not': 'in-progress' }), closed);
    found(await search({ subject, 'part-of:missing': true, status: 'completed' }), closed);
    found(await search({ subject, 'part-of:missing': true, status: 'completed,in-progress' }), open, closed);
    found(await search({ subject, 'part-of:missing': true, status: 'stopped' }));
  });

  test('the thread that was changed last comes first', async () => {
    const one = await medplum.createResource(header(other));
    const two = await medplum.createResource(header(other));
    const three = await medplum.createResource(header(other));
    const order = async () => {
      const read = await search({ _id: [one, two, three].map((each) => each.id).join(','), _sort: '-_lastUpdated' });
      return read.map((each) => each.id);
    };
    assert.deepEqual(await order(), [three.id, two.id, one.id]);
    await medplum.patchResource('Communication', one.id, [{ op: 'replace', path: '/topic/text', value: 'Changed' }]);
    assert.deepEqual(await order(), [one.id, three.id, two.id]);
  });

  test('by identifier, with and without its system, and by what it is not', async () => {
    found(await search({ identifier: `${SID}|${value}` }), open);
    found(await search({ identifier: value }), open);
    found(await search({ identifier: `https://other.example|${value}` }));
    found(await search({ subject, 'part-of:missing': true, 'identifier:not': `${SID}|${value}` }), closed);
  });

  test('by encounter and by category', async () => {
    found(await search({ encounter: `Encounter/${encounter.id}` }), open);
    found(await search({ subject, category: 'http://snomed.info/sct|394583002' }), open);
    found(await search({ subject, category: '394583002' }), open);
    found(await search({ subject, category: 'http://snomed.info/sct|158965000' }));
  });

  test('by the time of sending: prefixes, a day, a range that repeats the parameter', async () => {
    found(await search({ subject, 'part-of:missing': false, sent: 'gt2024-04-10T10:00:00Z' }), second);
    found(await search({ subject, 'part-of:missing': false, sent: 'ge2024-04-10T10:00:00Z' }), first, second);
    found(await search({ subject, sent: 'lt2024-04-01' }), closed);
    found(await search({ subject, sent: '2024-04-10' }), open, first, second);
    found(
      await search([
        ['subject', subject],
        ['sent', 'ge2024-04-10T09:30:00Z'],
        ['sent', 'le2024-04-10T10:01:00Z'],
      ]),
      first
    );
  });

  test('by id and by the time of the last change', async () => {
    const _id = `${open.id},${first.id}`;
    found(await search({ _id }), open, first);
    found(await search({ _id: `${open.id},${unique('none')}` }), open);
    const [past, future] = [-1, 1].map((days) => new Date(Date.now() + days * 86_400_000).toISOString());
    found(
      await search([
        ['_id', _id],
        ['_lastUpdated', `gt${past}`],
        ['_lastUpdated', `lt${future}`],
      ]),
      open,
      first
    );
    found(await search({ _id, _lastUpdated: `lt${past}` }));
  });
});

describe('across resources', () => {
  const thread = { 'part-of:Communication.subject': subject };

  test('messages by the patient of their thread', async () => {
    found(await search(thread), first, second);
    found(await search({ 'part-of:Communication.subject': `Patient/${unique('nobody')}` }));
  });

  test('only threads that have a message', async () => {
    const headers = { subject, 'part-of:missing': true };
    found(await search({ ...headers, '_has:Communication:part-of:_id:not': 'null' }), open);
    found(await search(headers), open, closed);
  });

  test('threads with their patient, and with their messages', async () => {
    const modes = async (params) => {
      const bundle = await medplum.search('Communication', { _id: open.id, ...params });
      return Object.fromEntries(bundle.entry.map((entry) => [entry.resource.id, entry.search?.mode]));
    };
    assert.deepEqual(await modes({ _include: 'Communication:subject' }), {
      [open.id]: 'match',
      [id(subject)]: 'include',
    });
    const all = { [open.id]: 'match', [first.id]: 'include', [second.id]: 'include' };
    assert.deepEqual(await modes({ _revinclude: 'Communication:part-of' }), all);
  });
});

describe('people and places', () => {
  test('a patient by phone, e-mail and identifier', async () => {
    const mark = unique('p');
    const phone = `+1555${Date.now()}`;
    const email = `${mark}@mail.example`;
    const one = await medplum.createResource({
      resourceType: 'Patient',
      identifier: [{ system: 'https://clinic.example/mrn', value: mark }],
      telecom: [
        { system: 'phone', value: phone },
        { system: 'email', value: email },
      ],
    });
    found(await search({ phone }, 'Patient'), one);
    found(await search({ email }, 'Patient'), one);
    found(await search({ phone: email }, 'Patient'));
    found(await search({ identifier: `https://clinic.example/mrn|${mark}` }, 'Patient'), one);
    found(await search({ identifier: `https://other.example|${mark}` }, 'Patient'));
  });

  test('a phone number in a query that is text, where the plus arrives as a space', async () => {
    const phone = `+1557${Date.now()}`;
    const one = await medplum.createResource({ resourceType: 'Patient', telecom: [{ system: 'phone', value: phone }] });
    found(await search(`phone=${encodeURIComponent(phone)}`, 'Patient'), one);
  });

  test(
    'a phone number with a bare plus in the address',
    peerLacks('reads the plus as a space and finds nobody'),
    async () => {
      const phone = `+1558${Date.now()}`;
      const one = await medplum.createResource({
        resourceType: 'Patient',
        telecom: [{ system: 'phone', value: phone }],
      });
      found(await search(`phone=${phone}`, 'Patient'), one);
    }
  );

  test('the roles of a person, and the persons of a role', async () => {
    const code = unique('role');
    const role = await medplum.createResource({
      resourceType: 'PractitionerRole',
      practitioner: bob,
      code: [{ coding: [{ system: 'http://snomed.info/sct', code }] }],
    });
    found(await search({ role: `http://snomed.info/sct|${code}` }, 'PractitionerRole'), role);
    found(await search({ practitioner: bob.reference }, 'PractitionerRole'), role);
    found(await search({ practitioner: alice.reference }, 'PractitionerRole'));
  });

  test('an encounter by patient, class and the encounter that it is part of', async () => {
    const visit = await medplum.createResource({
      resourceType: 'Encounter',
      status: 'finished',
      class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
      subject: homer,
      partOf: { reference: `Encounter/${encounter.id}` },
    });
    found(await search({ subject, class: 'AMB' }, 'Encounter'), visit);
    found(await search({ subject, class: 'VR' }, 'Encounter'), encounter);
    found(await search({ 'part-of': `Encounter/${encounter.id}` }, 'Encounter'), visit);
  });
});

describe('pages and totals', () => {
  test('a page is as long as asked for, and the next link gives the others once', async () => {
    const many = { subject: other.homer.reference };
    const made = [elsewhere];
    for (let number = 0; number < 6; number++) made.push(await medplum.createResource(header(other)));
    const pages = [];
    for await (const page of medplum.searchResourcePages('Communication', { ...many, _count: 3, _sort: 'sent' }))
      pages.push(page);
    assert.ok(pages.every((page) => page.length <= 3));
    assert.equal(pages.flat().length, new Set(ids(pages.flat())).size);
    const mine = ids(made).filter((one) => ids(pages.flat()).includes(one));
    assert.deepEqual(mine, ids(made));
  });

  test('pages without a length are walked to the end too', async () => {
    const pages = [];
    for await (const page of medplum.searchResourcePages('Communication', { subject })) pages.push(page);
    found(pages.flat(), open, closed, first, second);
  });

  test('an offset leaves out what came before', async () => {
    const part = { 'part-of': `Communication/${open.id}`, _sort: 'sent' };
    assert.deepEqual(ids(await search({ ...part, _count: 1, _offset: 1 })), [second.id]);
    found(await search({ ...part, _count: 1, _offset: 5 }));
  });

  test('the total is exact when asked for, with or without the rows', async () => {
    const bundle = await medplum.search('Communication', { subject, _total: 'accurate', _count: 1 });
    assert.deepEqual([bundle.type, bundle.total, bundle.entry.length], ['searchset', 4, 1]);
    assert.equal(bundle.link.find((link) => link.relation === 'next')?.url.startsWith(FHIR_URL), true);
    const none = await medplum.search('Communication', { subject, _total: 'accurate', _count: 0 });
    assert.deepEqual([none.total, none.entry ?? []], [4, []]);
    const count = await medplum.search('Communication', { subject, _summary: 'count' });
    assert.deepEqual([count.total, count.entry ?? []], [4, []]);
  });

  test('searchOne gives the first, or nothing', async () => {
    assert.equal((await medplum.searchOne('Communication', { subject, _sort: '-sent' })).id, second.id);
    assert.equal(await medplum.searchOne('Communication', { subject: `Patient/${unique('nobody')}` }), undefined);
  });

  test('a search by POST finds the same', async () => {
    const form = new URLSearchParams({ subject, 'part-of:missing': 'true' });
    const url = medplum.fhirUrl('Communication', '_search');
    const bundle = await medplum.post(url, form.toString(), 'application/x-www-form-urlencoded');
    found(
      bundle.entry.map((entry) => entry.resource),
      open,
      closed
    );
  });

  test(
    'a parameter that does not exist is refused, by name',
    peerLacks('does not know all that it ignores'),
    async () => {
      const outcome = await refused(search({ subject, 'sent-by': 'pigeon' }));
      assert.equal(getStatus(outcome), 400);
      assert.match(text(outcome), /sent-by/);
    }
  );
});
