// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "os/file.h"

// For tests: a server that speaks TLS, and whom to trust.
namespace vm0::http {

namespace asio = boost::asio;

struct Identity {
  std::string certificate;
  std::string key;
};

inline std::string TakeText(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

// A certificate for `name`, signed by itself.
inline Identity MakeIdentity(const std::string& name) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(certificate, subject);
  const std::string names = "DNS:" + name;
  X509_EXTENSION* extension =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  X509_sign(certificate, key, EVP_sha256());
  Identity identity;
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  identity.certificate = TakeText(bio);
  bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  identity.key = TakeText(bio);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return identity;
}

// Serves one connection in a thread of its own; answers requests until it ends.
class TlsServer {
 public:
  explicit TlsServer(const Identity& identity)
      : acceptor_(loop_, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    context_.use_certificate(asio::buffer(identity.certificate), asio::ssl::context::pem);
    context_.use_private_key(asio::buffer(identity.key), asio::ssl::context::pem);
    thread_ = std::thread([this] { Serve(); });
  }
  ~TlsServer() { thread_.join(); }
  std::string port() const { return std::to_string(acceptor_.local_endpoint().port()); }

 private:
  void Serve() {
    boost::system::error_code error;
    asio::ssl::stream<asio::ip::tcp::socket> stream(acceptor_.accept(), context_);
    stream.handshake(asio::ssl::stream_base::server, error);
    std::string input;
    while (!error) {
      const auto size = asio::read_until(stream, asio::dynamic_buffer(input), "\r\n\r\n", error);
      if (error) break;
      input.erase(0, size);
      const char* name = ::SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name);
      const std::string body = name ? name : "";
      const std::string answer =
          "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
      asio::write(stream, asio::buffer(answer), error);
    }
  }

  asio::io_context loop_;
  asio::ssl::context context_{asio::ssl::context::tls_server};
  asio::ip::tcp::acceptor acceptor_;
  std::thread thread_;
};

// While it lives, clients of this process trust that certificate and no other.
class TrustedIdentity {
 public:
  explicit TrustedIdentity(const Identity& identity) {
    char name[] = "/tmp/vm0-tls-XXXXXX";
    directory_ = ::mkdtemp(name);
    const std::string path = directory_ + "/ca.pem";
    (void)os::WriteFileAtomic(path, identity.certificate);
    ::setenv("SSL_CERT_FILE", path.c_str(), 1);
  }
  ~TrustedIdentity() {
    ::unsetenv("SSL_CERT_FILE");
    std::filesystem::remove_all(directory_);
  }
  TrustedIdentity(const TrustedIdentity&) = delete;
  TrustedIdentity& operator=(const TrustedIdentity&) = delete;

 private:
  std::string directory_;
};

}  // namespace vm0::http
