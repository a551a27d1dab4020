// Files: upload, attachment of a message, download, media.
import './websocket.mjs';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isNotFound } from '@medplum/core';
import { connect, FHIR_URL, header, message, peerLacks, people, raw, refused, unique } from './support.mjs';

const medplum = await connect();
const everyone = await people(medplum);
// A PDF as small as one may be, with bytes that are no text.
const PDF = Buffer.concat([
  Buffer.from('%PDF-1.4\n%'),
  Buffer.from([0xe2, 0xe3, 0xcf, 0xd3, 0x00, 0xff]),
  Buffer.from('\n%%EOF\n'),
]);
const pdf = { data: PDF, filename: 'lab report.pdf', contentType: 'application/pdf' };
const bytes = async (blob) => Buffer.from(await blob.arrayBuffer());

describe('createBinary', () => {
  test('takes a file as it is and says where it lies', async () => {
    const binary = await medplum.createBinary(pdf);
    assert.equal(binary.resourceType, 'Binary');
    assert.equal(binary.contentType, 'application/pdf');
    assert.ok(binary.id && binary.url);
    assert.deepEqual(await bytes(await medplum.download(binary.url)), PDF);
  });

  test('takes text, and the older form of the call', async () => {
    const binary = await medplum.createBinary('Häppy', 'note.txt', 'text/plain');
    const blob = await medplum.download(binary.url);
    assert.match(blob.type, /^text\/plain/);
    assert.equal(await blob.text(), 'Häppy');
  });
});

describe('download', () => {
  test('by reference gives the bytes, their type, and the resource to whoever asks for FHIR', async () => {
    const binary = await medplum.createBinary(pdf);
    const blob = await medplum.download(`Binary/${binary.id}`);
    assert.match(blob.type, /^application\/pdf/);
    assert.deepEqual(await bytes(blob), PDF);
    const resource = await medplum.readResource('Binary', binary.id);
    assert.equal(resource.contentType, 'application/pdf');
  });

  test('of what is not there is refused', async () => {
    assert.ok(isNotFound(await refused(medplum.readResource('Binary', unique('none')))));
    const response = await raw(medplum, 'GET', `fhir/R4/Binary/${unique('none')}`, { headers: { Accept: '*/*' } });
    assert.equal(response.status, 404);
  });

  test('needs a token', peerLacks('gives out addresses that need none'), async () => {
    const binary = await medplum.createBinary(pdf);
    for (const url of [new URL(binary.url, `${FHIR_URL}/`), `fhir/R4/Binary/${binary.id}`]) {
      const response = await raw(medplum, 'GET', url, { headers: { Authorization: '', Accept: '*/*' } });
      assert.ok([401, 403, 404].includes(response.status), `${response.status} at ${url}`);
    }
  });
});

describe('createAttachment', () => {
  test('gives what a message carries beside its text', async () => {
    const thread = await medplum.createResource(header(everyone));
    const securityContext = { reference: `Communication/${thread.id}` };
    const attachment = await medplum.createAttachment({ ...pdf, securityContext });
    assert.deepEqual([attachment.contentType, attachment.title], ['application/pdf', 'lab report.pdf']);
    const sent = await medplum.createResource(
      message(everyone, thread, { payload: [{ contentString: 'Here it is.' }, { contentAttachment: attachment }] })
    );
    const read = await medplum.readResource('Communication', sent.id);
    assert.deepEqual(read.payload.length, 2);
    assert.deepEqual(await bytes(await medplum.download(read.payload[1].contentAttachment.url)), PDF);
  });
});

describe('createMedia and createDocumentReference', () => {
  test('make the resource, upload the file and join them', async () => {
    const media = await medplum.createMedia({ ...pdf, additionalFields: { subject: everyone.homer } });
    assert.equal(media.status, 'completed');
    assert.deepEqual(await bytes(await medplum.download(media.content.url)), PDF);
    const read = await medplum.readResource('Media', media.id);
    assert.equal(read.subject.reference, everyone.homer.reference);
  });

  test('so do documents', async () => {
    const document = await medplum.createDocumentReference({ ...pdf, additionalFields: { subject: everyone.homer } });
    const { attachment } = document.content[0];
    assert.deepEqual(await bytes(await medplum.download(attachment.url)), PDF);
    assert.equal(
      (await medplum.readResource('DocumentReference', document.id)).subject.reference,
      everyone.homer.reference
    );
  });
});
