// SPDX-License-Identifier: ISC
// One entry a provider's package: its own signing and its own verifying function.
import { sign, verify } from "@octokit/webhooks-methods";
import { Webhook } from "standardwebhooks";
import Stripe from "stripe";

const stripe = new Stripe("sk_test_unused");

export const packages = {
  github: {
    sign: async (secret, body) => ({
      "x-github-event": "push", "x-github-delivery": crypto.randomUUID(), "x-hub-signature-256": await sign(secret, body),
    }),
    verify: (secret, body, headers) => verify(secret, body, headers["x-hub-signature-256"]),
  },
  "standard-webhooks": {
    sign: async (secret, body, at) => {
      const id = "msg_" + crypto.randomUUID();
      const time = new Date(at * 1000);
      return { "webhook-id": id, "webhook-timestamp": String(at), "webhook-signature": new Webhook(secret).sign(id, time, body) };
    },
    verify: async (secret, body, headers) => new Webhook(secret).verify(body, headers),
  },
  stripe: {
    sign: async (secret, body, at) => ({
      "stripe-signature": stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp: at }),
    }),
    verify: async (secret, body, headers) => stripe.webhooks.constructEvent(body, headers["stripe-signature"], secret),
  },
};
