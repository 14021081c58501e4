#!/bin/sh
# Makes the keys and certificates of a time-stamp authority in the working folder: run by conftest.py.
set -eu
curve="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
openssl req -x509 $curve -keyout root.key -out root.pem \
  -subj "/CN=Test Root" -days 2 -config tsa.cnf -extensions root
openssl req $curve -keyout tsa.key -out tsa.csr \
  -subj "/CN=Test TSA" -config tsa.cnf
openssl x509 -req -in tsa.csr -CA root.pem -CAkey root.key -CAcreateserial -out tsa.pem -days 2 \
  -extfile tsa.cnf -extensions usage
echo 01 > serial
