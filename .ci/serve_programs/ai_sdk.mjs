// The Vercel AI SDK over @ai-sdk/openai (Responses and chat) and @ai-sdk/openai-compatible.
import assert from "node:assert/strict";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const baseURL = process.env.OPENAI_BASE_URL;
const apiKey = process.env.OPENAI_API_KEY;
const openai = createOpenAI({ baseURL, apiKey });
// without supportsStructuredOutputs this provider requests JSON without a schema
const compatible = createOpenAICompatible({ name: "stepfun", baseURL, apiKey, supportsStructuredOutputs: true });
const models = {
  "Responses, gpt-5": openai("gpt-5"),
  "Responses, gpt-4o": openai("gpt-4o"),
  "chat, gpt-4o": openai.chat("gpt-4o"),
  "openai-compatible, step-3.7-flash": compatible("step-3.7-flash"),
};
const quiet = { maxRetries: 0 };

for (const [name, model] of Object.entries(models)) {
  const { text } = await generateText({ model, prompt: "Say this is a test", ...quiet });
  assert.equal(text, "Say this is a test");

  let streamed = "";
  const failures = [];
  const onError = ({ error }) => failures.push(error);
  for await (const part of streamText({ model, prompt: "Say this is a test", onError, ...quiet }).textStream) {
    streamed += part;
  }
  assert.deepEqual(failures, []);
  assert.equal(streamed, "Say this is a test");

  const called = [];
  const weather = tool({
    description: "Get the weather in a city",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => (called.push(city), `18 degrees in ${city}`),
  });
  const request = {
    model,
    prompt: "What is the weather in Paris?",
    tools: { get_weather: weather },
    stopWhen: stepCountIs(4),
    ...quiet,
  };
  assert.match((await generateText(request)).text, /18 degrees in Paris/);
  const looped = streamText({ ...request, onError });
  await looped.consumeStream();
  assert.deepEqual(failures, []);
  assert.match(await looped.text, /18 degrees in Paris/);
  assert.deepEqual(called, ["Paris", "Paris"]);

  const schema = z.object({ city: z.string(), degrees: z.number() });
  const { output } = await generateText({
    model,
    prompt: "It is 18 degrees in Paris",
    output: Output.object({ schema }),
    ...quiet,
  });
  assert.equal(typeof output.degrees, "number");
  console.log(`${name}: text, a stream, tool loops, an object`);
}
