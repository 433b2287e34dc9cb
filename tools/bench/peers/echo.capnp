# SPDX-License-Identifier: MIT
@0xd1f6a8c3f0b7e2a4;

interface Echo {
  call @0 (data :Data) -> (data :Data);
  post @1 (data :Data) -> stream;
  confirm @2 (data :Data) -> (data :Data);
}
