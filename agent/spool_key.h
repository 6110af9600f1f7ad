// SpoolKey: the key that the spool is encrypted with, bound to the machine.

#pragma once

#include <memory>
#include <string>

#include "agent/data_folder.h"
#include "agent/spool/record_cipher.h"
#include "core/file.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// KeyPlaces says where keys come from; other places are for tests.
struct KeyPlaces {
  // The folder of the service's credentials (systemd.exec(5), LoadCredentialEncrypted): bound to
  // the TPM or the host by the service manager. Empty: there is none.
  std::string credentials;
  std::string machine_id = "/etc/machine-id";

  // of_process looks into the environment. Call it before threads start.
  static KeyPlaces of_process();
};

// kSpoolCredential is the credential's name.
constexpr const char* kSpoolCredential = "gnomon-spool-key";

// SpoolKeys seals with the best key there is and opens with any of them, so that a machine that is
// given a credential later still reads what it stored before:
//   1. the credential, when the service manager gives one;
//   2. spool.key in the data folder (0600, random), mixed with the machine's id: the folder copied
//      to another machine opens nothing.
struct SpoolKeys {
  std::unique_ptr<RecordCipher> cipher;
  std::string words;  // which key, for `status`
};

enum class MissingKey : std::uint8_t {
  make,   // an agent that is about to store
  leave,  // a command that only reads: what no key opens stays closed
};

// open_spool_keys makes spool.key when it is missing. One of a wrong size is set aside as
// spool.key.damaged: what it sealed is declared lost, record by record.
Result<SpoolKeys, IoError> open_spool_keys(FileSystem& files, const DataFolder& folder,
                                           const KeyPlaces& places, MissingKey missing);

}  // namespace gnomon
