// The openai package for Node, with nothing set but OPENAI_BASE_URL and OPENAI_API_KEY.
import assert from "node:assert/strict";
import OpenAI, { toFile } from "openai";
import { z } from "zod";
import { zodResponseFormat } from "openai/helpers/zod";

const client = new OpenAI({ maxRetries: 0 });
const messages = [{ role: "user", content: "Say this is a test" }];

for (const model of ["gpt-4o", "gpt-5", "step-3.7-flash"]) {
  const answer = await client.chat.completions.create({ model, messages });
  assert.equal(answer.choices[0].message.content, "Say this is a test");
  assert.ok(answer.usage.total_tokens > 0);

  let text = "";
  let usage = null;
  const options = { model, messages, stream: true, stream_options: { include_usage: true } };
  for await (const chunk of await client.chat.completions.create(options)) {
    text += chunk.choices[0]?.delta?.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, "Say this is a test");
  assert.ok(usage.completion_tokens > 0);

  const response = await client.responses.create({ model, input: "Say this is a test" });
  assert.equal(response.output_text, "Say this is a test");
  const events = client.responses.stream({ model, input: "Say this is a test" });
  const kinds = new Set();
  for await (const event of events) kinds.add(event.type);
  assert.ok(kinds.has("response.output_text.delta") && kinds.has("response.completed"));
  assert.equal((await events.finalResponse()).output_text, "Say this is a test");
  const second = await client.responses.create({ model, input: "And now?", previous_response_id: response.id });
  assert.equal(second.previous_response_id, response.id);
}
console.log("chat, Responses and their streams");

const called = [];
const runner = client.chat.completions.runTools({
  model: "gpt-4o",
  messages: [{ role: "user", content: "What is the weather in Paris?" }],
  tools: [
    {
      type: "function",
      function: {
        name: "get_weather",
        description: "Get the weather in a city",
        parse: JSON.parse,
        parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
        function: ({ city }) => (called.push(city), `18 degrees in ${city}`),
      },
    },
  ],
});
assert.match(await runner.finalContent(), /18 degrees in Paris/);
assert.deepEqual(called, ["Paris"]);
console.log("a tool loop");

const Step = z.object({ city: z.string(), degrees: z.number() });
const parsed = await client.chat.completions.parse({
  model: "gpt-4o",
  messages: [{ role: "user", content: "It is 18 degrees in Paris" }],
  response_format: zodResponseFormat(Step, "weather"),
});
assert.equal(typeof parsed.choices[0].message.parsed.city, "string");
console.log("structured output");

const file = await client.files.create({ file: await toFile(Buffer.from("hello"), "a.txt"), purpose: "user_data" });
assert.equal((await client.files.retrieve(file.id)).filename, "a.txt");
assert.equal((await client.files.delete(file.id)).deleted, true);
const speech = await client.audio.speech.create({ model: "tts-1", voice: "alloy", input: "hello" });
assert.ok((await speech.arrayBuffer()).byteLength > 100);
const transcript = await client.audio.transcriptions.create({
  model: "whisper-1",
  file: await toFile(Buffer.alloc(2000, 0xff), "a.mp3"),
});
assert.ok(transcript.text);
console.log("files, speech, a transcript");

const names = [];
for await (const model of client.models.list()) names.push(model.id);
assert.ok(names.includes("gpt-4o") && names.includes("step-3.7-flash"));
await assert.rejects(client.chat.completions.create({ model: "nope", messages }), OpenAI.NotFoundError);
await assert.rejects(client.embeddings.create({ model: "text-embedding-3-small", input: "x" }), OpenAI.NotFoundError);
await assert.rejects(new OpenAI({ apiKey: "wrong-token", maxRetries: 0 }).models.list(), OpenAI.AuthenticationError);
const stopped = await client.chat.completions.create({ model: "gpt-4o", messages, stream: true });
for await (const _ of stopped) break;
console.log("models, errors, a stream that is left");
