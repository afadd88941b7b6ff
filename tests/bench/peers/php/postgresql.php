<?php
// SPDX-License-Identifier: ISC
// PHP-FPM with pgsql: checks the signature over the raw body, inserts the event before the 200.
$body = file_get_contents('php://input');
$right = 'sha256=' . hash_hmac('sha256', $body, $_SERVER['SECRET']);
header('Content-Type: application/json');
if (!hash_equals($right, $_SERVER['HTTP_X_WEBHOOK_SIGNATURE'] ?? '')
	|| !hash_equals($_SERVER['AUTHORIZATION'], $_SERVER['HTTP_AUTHORIZATION'] ?? '')) {
	http_response_code(401);
	exit('{"status":"unauthorized"}');
}
$event = json_decode($body, true, 64, JSON_THROW_ON_ERROR);
$db = pg_pconnect($_SERVER['SERVER']);
if (!$db || !pg_query_params($db, 'INSERT INTO event(message_urn, body) VALUES($1, $2) ON CONFLICT (message_urn) DO NOTHING',
		[$event['data']['message_urn'], $body])) {
	http_response_code(503);
	exit('{"status":"unavailable"}');
}
echo '{"status":"stored"}';
