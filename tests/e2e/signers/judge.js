// SPDX-License-Identifier: ISC
// node judge.js: reads samples, a JSON list, from standard input, and prints a JSON list of what the provider's own package
// says of each: true, its signature is right; false, it is not; null, no package here verifies it.
import { readFileSync } from "node:fs";
import https from "node:https";
import { PassThrough } from "node:stream";
import { verify as octokit } from "@octokit/webhooks-methods";
import { verifyWebhook as clerk } from "@clerk/backend/webhooks";
import { validateSignature as line } from "@line/bot-sdk";
import { LinearWebhookClient } from "@linear/sdk/webhooks";
import { verifyWebhookSignature as notion } from "@notionhq/client";
import { Paddle } from "@paddle/paddle-node-sdk";
import sendgrid from "@sendgrid/eventwebhook";
import { verifySignature as gocardless } from "gocardless-nodejs/webhooks";
import Razorpay from "razorpay";
import SnsValidator from "sns-validator";
import { isValidSlackRequest } from "@slack/bolt/dist/receivers/verify-request.js";
import { Signature } from "@hubspot/api-client";
import { WorkOS } from "@workos-inc/node";
import "@shopify/shopify-api/adapters/node";
import { shopifyApi, ApiVersion } from "@shopify/shopify-api";
import { TeamChatClient } from "@zoom/rivet/teamchat";
import discord from "discord-interactions";
import OpenAI from "openai";
import { Resend } from "resend";
import { Webhook } from "standardwebhooks";
import Stripe from "stripe";
import { Webhook as Svix } from "svix";
import autohook from "twitter-autohook";
import twilio from "twilio";
import { part } from "./parts.js";

const RealDate = Date;
let now = RealDate.now();

// The packages look at the clock: it stands at the time of the sample.
globalThis.Date = class extends RealDate {
  constructor(...args) {
    super(...(args.length ? args : [now]));
  }
  static now() {
    return now;
  }
};

async function shopify({ secret, body, headers }) {
  const api = shopifyApi({
    apiKey: "unused", apiSecretKey: secret, scopes: [], hostName: "hooks.example.com", isEmbeddedApp: false, apiVersion: ApiVersion.July26 ?? "2026-07",
    logger: { log() {} },
  });
  return (await api.webhooks.validate({ rawBody: body, rawRequest: { headers, url: "/", method: "POST" }, rawResponse: {} })).valid;
}

// Its receiver is an HTTP server: it is asked as Zoom would.
async function zoom({ secret, body, headers }) {
  const client = new TeamChatClient({ clientId: "x", clientSecret: "x", webhooksSecretToken: secret, installerOptions: {
    redirectUri: "http://localhost/x", stateStore: "long-enough-for-a-state-store-secret" }, port: 0 });
  const server = await client.start();
  const { port } = server.address();
  const ask = () => fetch(`http://127.0.0.1:${port}/zoom/events`, { method: "POST", headers: { ...headers, "content-type": "application/json" }, body });
  const answer = await ask().catch(ask); // fetch may have kept a connection to an earlier server on that port
  await client.stop?.();
  server.closeAllConnections(); // close() keeps it, and that server has another secret
  server.close();
  return answer.status === 200;
}

// It fetches the certificate from SigningCertURL, which nothing signs, and keeps it: each sample has its own one.
let certificates = 0;
function sns({ secret, body }) {
  const message = JSON.parse(body);
  message.SigningCertURL = message.SigningCertURL.replace(/[^/]*$/, `${certificates++}.pem`);
  https.get = (url, answer) => {
    const certificate = Object.assign(new PassThrough(), { statusCode: 200 });
    answer(certificate);
    certificate.end(secret);
    return certificate;
  };
  return new Promise((resolve) => new SnsValidator().validate(message, (error) => resolve(!error)));
}

const hubspot = (version) => ({ secret, method, url, body, headers }) => Signature.isValid({
  signatureVersion: version, signature: headers["x-hubspot-signature"], clientSecret: secret, method, url, requestBody: body });

const packages = {
  github: ({ secret, body, headers }) => octokit(secret, body, headers["x-hub-signature-256"]),
  stripe: ({ secret, body, headers }) => new Stripe("sk_test_unused").webhooks.signature.verifyHeader(body, headers["stripe-signature"], secret, 300),
  slack: ({ secret, body, headers }) => isValidSlackRequest({ signingSecret: secret, body, headers }),
  "hubspot-v3": ({ secret, method, url, body, headers }) => Signature.isValid({
    signatureVersion: "v3", signature: headers["x-hubspot-signature-v3"], clientSecret: secret, method, url, requestBody: body,
    timestamp: Number(headers["x-hubspot-request-timestamp"]) }),
  discord: ({ secret, body, headers }) => discord.verifyKey(body, headers["x-signature-ed25519"], headers["x-signature-timestamp"], secret),
  x: ({ secret, body, headers }) => autohook.validateSignature(headers, { consumer_secret: secret }, body),
  shopify,
  zoom,
  "standard-webhooks": ({ secret, body, headers }) => new Webhook(secret).verify(body, headers),
  svix: ({ secret, body, headers }) => new Svix(secret).verify(body, headers),
  openai: ({ secret, body, headers }) => new OpenAI({ apiKey: "unused" }).webhooks.verifySignature(body, headers, secret).then(() => true),
  clerk: ({ secret, body, headers }) => clerk(new Request("https://hooks.example.com/", { method: "POST", body, headers }), { signingSecret: secret }),
  resend: ({ secret, body, headers }) => new Resend("re_unused").webhooks.verify({
    payload: body, webhookSecret: secret,
    headers: { id: headers["svix-id"], timestamp: headers["svix-timestamp"], signature: headers["svix-signature"] } }),
  twilio({ secret, body, url, headers, content_type: type, method }) {
    const algorithm = twilio.getSignatureAlgorithm(headers["x-twilio-webhooks-signature-settings"]);
    const signature = headers["x-twilio-signature"];
    if (url.includes("bodySHA256="))
      return twilio.validateRequestWithBody(secret, signature, url, body, algorithm);
    return twilio.validateRequest(secret, signature, url, method === "GET" ? {} : Object.fromEntries(new URLSearchParams(body)), algorithm);
  },
};

Object.assign(packages, {
  gocardless: ({ secret, body, headers }) => gocardless(body, secret, headers["webhook-signature"]) === undefined,
  line: ({ secret, body, headers }) => line(body, secret, headers["x-line-signature"]),
  linear: ({ secret, body, headers }) => new LinearWebhookClient(secret).verify(Buffer.from(body), headers["linear-signature"], JSON.parse(body).webhookTimestamp),
  notion: ({ secret, body, headers }) => notion({ body, signature: headers["x-notion-signature"], verificationToken: secret }),
  paddle: ({ secret, body, headers }) => new Paddle("unused").webhooks.isSignatureValid(body, secret, headers["paddle-signature"]),
  razorpay: ({ secret, body, headers }) => Razorpay.validateWebhookSignature(body, headers["x-razorpay-signature"], secret),
  sendgrid({ secret, body, headers }) {
    const events = new sendgrid.EventWebhook();
    const pem = "-----BEGIN PUBLIC KEY-----\n" + secret + "\n-----END PUBLIC KEY-----";
    return events.verifySignature(events.convertPublicKeyToECDSA(pem), body, headers["x-twilio-email-event-webhook-signature"],
      headers["x-twilio-email-event-webhook-timestamp"]);
  },
});

const adyen = new (part("@adyen/api-library", "lib/src/utils/hmacValidator.js").default)();
const { WebhooksClient: ElevenLabs } = part("@elevenlabs/elevenlabs-js", "wrapper/webhooks.js");
const { WebhooksHelper: Square } = part("square", "wrapper/WebhooksHelper.js");
const { Client: Webflow } = part("webflow-api", "dist/wrapper/WebhooksClient.js");
const dropbox = part("@dropbox/sign", "dist/api.js");
const { Webhooks: Mux } = part("@mux/mux-node", "resources/webhooks/webhooks.js");
const retell = part("retell-sdk", "lib/webhook_auth.js");
const Viber = part("viber-bot", "lib/message/message-validator.js");
const { WebhookManager } = part("@gohighlevel/api-client", "dist/lib/webhook/webhook-manager.js");
const acuity = part("acuityscheduling", "src/index.js");
const quiet = { debug() {}, warn() {}, error() {} };
const highlevel = Object.assign(Object.create(WebhookManager.prototype), { logger: quiet });

Object.assign(packages, {
  "hubspot-v1": hubspot("v1"),
  "hubspot-v2": hubspot("v2"),
  "aws-sns": (sample) => sns(sample),
  workos: ({ secret, body, headers }) => new WorkOS("sk_unused").webhooks.verifyHeader({ payload: JSON.parse(body), sigHeader: headers["workos-signature"], secret }),
  "adyen-platform": ({ secret, body, headers }) => adyen.validateHMACSignature(secret, headers.hmacsignature, body),
  "adyen-payments": ({ secret, body }) => adyen.validateHMAC(JSON.parse(body).notificationItems[0].NotificationRequestItem, secret),
  elevenlabs: ({ secret, body, headers }) => new ElevenLabs({}).constructEvent(body, headers["elevenlabs-signature"], secret).then(() => true),
  square: ({ secret, body, url, headers }) => Square.verifySignature({
    requestBody: body, signatureHeader: headers["x-square-hmacsha256-signature"], signatureKey: secret, notificationUrl: url }),
  webflow: ({ secret, body, headers }) => new Webflow({}).verifySignature({ headers, body, secret }),
  "dropbox-sign": ({ secret, body }) => dropbox.EventCallbackHelper.isValid(secret, dropbox.EventCallbackRequest.init(JSON.parse(/\{.*\}/s.exec(body)[0]))),
  mux: ({ secret, body, headers }) => new Mux({}).verifySignature(body, headers, secret).then(() => true),
  retell: ({ secret, body, headers }) => retell.verify(body, secret, headers["x-retell-signature"]),
  viber: ({ secret, body, headers }) => new Viber(quiet, secret).validateMessage(headers["x-viber-content-signature"], body),
  highlevel: ({ secret, body, headers }) => highlevel.verifyEd25519Signature(body, headers["x-ghl-signature"], secret),
  "highlevel-rsa": ({ secret, body, headers }) => highlevel.verifySignature(body, headers["x-wh-signature"], secret),
  acuity: ({ secret, body, headers }) => acuity.verifyMessageSignature(secret, body, headers["x-acuity-signature"]) ?? true,
});

async function judge(sample) {
  const verify = packages[sample.provider] ?? packages[sample.scheme];
  if (!verify) return null;
  now = sample.at * 1000;
  const headers = Object.fromEntries(Object.entries(sample.headers).map(([name, value]) => [name.toLowerCase(), value]));
  const query = sample.query ? `?${sample.query}` : "";
  try {
    return (await verify({ ...sample, headers, url: sample.url_signed ?? `${sample.url ?? ""}${query}` })) !== false;
  } catch {
    return false; // most packages throw where a signature is wrong
  }
}

const verdicts = [];
for (const sample of JSON.parse(readFileSync(0, "utf8"))) verdicts.push(await judge(sample));
console.log(JSON.stringify(verdicts));
process.exit(0);
