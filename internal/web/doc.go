// Package web is the console: pages for a browser on this machine that show what the store holds and how the sensor does.
// It changes nothing. Everything is rendered here; one small script keeps an open page fresh, and without it the pages work
// as well. Nothing is fetched from elsewhere.
//
// It listens on loopback or on a unix socket only, and every page but the one that says how to get in wants the token. Text
// from packets is hostile: package markup escapes it.
//
// It is built for Linux alone, as the store is.
package web
