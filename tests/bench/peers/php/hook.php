<?php
// SPDX-License-Identifier: ISC
// PHP-FPM: checks the signature over the raw body, stores the event in SQLite with synchronous=FULL before the 200.
$body = file_get_contents('php://input');
$right = 'sha256=' . hash_hmac('sha256', $body, $_SERVER['SECRET']);
header('Content-Type: application/json');
if (!hash_equals($right, $_SERVER['HTTP_X_WEBHOOK_SIGNATURE'] ?? '')
	|| !hash_equals($_SERVER['AUTHORIZATION'], $_SERVER['HTTP_AUTHORIZATION'] ?? '')) {
	http_response_code(401);
	exit('{"status":"unauthorized"}');
}
$event = json_decode($body, true, 64, JSON_THROW_ON_ERROR);
$db = new PDO('sqlite:' . $_SERVER['EVENTS'], null, null, [PDO::ATTR_PERSISTENT => true, PDO::ATTR_TIMEOUT => 10]);
$db->exec('PRAGMA synchronous=FULL');
$insert = $db->prepare('INSERT OR IGNORE INTO event(message_urn, body) VALUES(?, ?)');
$insert->execute([$event['data']['message_urn'], $body]);
echo '{"status":"stored"}';
