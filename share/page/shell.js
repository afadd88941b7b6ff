// SPDX-License-Identifier: ISC
// Words of a shell.

export const quote = (text) => /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

// A control or direction character would act on the terminal that the command is pasted into.
export const pastes = (text) => !/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/.test(text);
