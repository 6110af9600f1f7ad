// Sightings as lines: JSON, CSV, or a table for people.

#include <array>

#include "cli/analysis.h"
#include "cli/text.h"

namespace gnomon::cli {

namespace {

std::string_view to_word(Ech ech) {
  constexpr std::array<std::string_view, 4> kWords = {"none", "grease", "real", "unknown"};
  return kWords[static_cast<std::size_t>(ech)];
}

class JsonSightings final : public Analysis {
 public:
  explicit JsonSightings(Output& output) : output_(output) {}

  void on_sighting(Sighting&& sighting) override {
    std::string& out = output_.text();
    out.append("{\"t\":\"");
    append_time(sighting.when, out);
    out.append("\",\"source\":\"");
    out.append(to_string(sighting.source));
    out.append("\",\"host\":");
    append_json(sighting.host, out);
    out.append(",\"client\":\"");
    out.append(to_string(sighting.client));
    out.append("\",\"server\":\"");
    out.append(to_string(sighting.server));
    out.push_back('"');
    if (sighting.dns) {
      append_dns(*sighting.dns, out);
    }
    if (sighting.hello) {
      append_hello(*sighting.hello, out);
    }
    if (sighting.recovered) {
      out.append(",\"recovered\":true");
    }
    if (sighting.tunnelled) {
      out.append(",\"tunnelled\":true");
    }
    out.append("}\n");
    output_.settle();
  }

  void finish() override { output_.flush(); }

 private:
  static void append_dns(const DnsDetail& dns, std::string& out) {
    out.append(",\"qtype\":\"");
    append_record_type(dns.qtype, out);
    out.push_back('"');
    if (dns.over_tcp) {
      out.append(",\"tcp\":true");
    }
    if (dns.answer) {
      out.append(",\"answer\":true,\"rcode\":");
      append_number(dns.rcode, out);
    } else if (dns.answers.empty()) {
      return;
    }
    out.append(",\"answers\":[");
    for (std::size_t i = 0; i < dns.answers.size(); ++i) {
      const DnsRecord& record = dns.answers[i];
      out.append(i == 0 ? "{\"name\":" : ",{\"name\":");
      append_json(record.name, out);
      out.append(",\"type\":\"");
      append_record_type(record.type, out);
      out.append("\",\"data\":");
      append_json(record.data, out);
      out.append(",\"ttl\":");
      append_number(record.ttl, out);
      if (record.section != DnsSection::answer) {
        out.append(record.section == DnsSection::authority ? ",\"section\":\"authority\""
                                                           : ",\"section\":\"additional\"");
      }
      out.push_back('}');
    }
    out.push_back(']');
  }

  static void append_hello(const HelloDetail& hello, std::string& out) {
    out.append(",\"alpn\":[");
    for (std::size_t i = 0; i < hello.alpn.size(); ++i) {
      if (i > 0) {
        out.push_back(',');
      }
      append_json(hello.alpn[i], out);
    }
    out.append("],\"ech\":\"");
    out.append(to_word(hello.ech));
    out.append("\",\"ja4\":\"");
    out.append(hello.ja4);
    out.push_back('"');
  }

  Output& output_;
};

// joined_answers is "CNAME x.example; A 192.0.2.1": what the question's name leads to.
std::string joined_answers(const DnsDetail& dns) {
  std::string text;
  for (const DnsRecord& record : dns.answers) {
    if (record.section != DnsSection::answer) {
      continue;
    }
    if (!text.empty()) {
      text.append("; ");
    }
    append_record_type(record.type, text);
    if (!record.data.empty()) {
      text.push_back(' ');
      text.append(record.data);
    }
  }
  return text;
}

std::string joined_protocols(const HelloDetail& hello) {
  std::string text;
  for (const std::string& protocol : hello.alpn) {
    text.append(text.empty() ? "" : " ");
    text.append(protocol);
  }
  return text;
}

class CsvSightings final : public Analysis {
 public:
  explicit CsvSightings(Output& output) : output_(output) {
    output_.text().append(
        "t,source,host,client,server,qtype,answer,rcode,answers,alpn,ech,ja4,recovered\r\n");
  }

  void on_sighting(Sighting&& sighting) override {
    std::string& out = output_.text();
    append_time(sighting.when, out);
    out.push_back(',');
    out.append(to_string(sighting.source));
    out.push_back(',');
    append_csv(sighting.host, out);
    out.push_back(',');
    out.append(to_string(sighting.client));
    out.push_back(',');
    out.append(to_string(sighting.server));
    out.push_back(',');
    if (sighting.dns) {
      append_record_type(sighting.dns->qtype, out);
      out.append(sighting.dns->answer ? ",true," : ",false,");
      if (sighting.dns->answer) {
        append_number(sighting.dns->rcode, out);
      }
      out.push_back(',');
      append_csv(joined_answers(*sighting.dns), out);
    } else {
      out.append(",,,");
    }
    out.push_back(',');
    if (sighting.hello) {
      append_csv(joined_protocols(*sighting.hello), out);
      out.push_back(',');
      out.append(to_word(sighting.hello->ech));
      out.push_back(',');
      out.append(sighting.hello->ja4);
    } else {
      out.append(",,");
    }
    out.append(sighting.recovered ? ",true\r\n" : ",false\r\n");
    output_.settle();
  }

  void finish() override { output_.flush(); }

 private:
  Output& output_;
};

class TableSightings final : public Analysis {
 public:
  // kMaxWhat keeps a line readable; JSON has everything.
  static constexpr std::size_t kMaxWhat = 120;

  explicit TableSightings(Output& output) : output_(output) {
    line("time (UTC)", "source", "host", "from", "to", "what");
  }

  void on_sighting(Sighting&& sighting) override {
    std::string time;
    append_time(sighting.when, time);
    line(time, to_string(sighting.source), sighting.host.empty() ? "(no name)" : sighting.host,
         to_string(sighting.client), to_string(sighting.server), what(sighting));
  }

  void finish() override { output_.flush(); }

 private:
  void line(std::string_view time, std::string_view source, std::string_view host,
            std::string_view from, std::string_view to, std::string_view what) {
    std::string& out = output_.text();
    append_padded(time, 28, out);
    append_padded(source, 7, out);
    append_padded(host, 40, out);
    append_padded(from, 22, out);
    append_padded(to, 22, out);
    out.append(what.substr(0, kMaxWhat));
    out.append(what.size() > kMaxWhat ? " ..." : "");
    while (out.back() == ' ') {
      out.pop_back();
    }
    out.push_back('\n');
    output_.settle();
  }

  static std::string what(const Sighting& sighting) {
    std::string text;
    if (sighting.dns) {
      append_record_type(sighting.dns->qtype, text);
      if (sighting.dns->answer && sighting.dns->rcode != 0) {
        text.append(" failed with code ");
        append_number(sighting.dns->rcode, text);
      } else if (sighting.dns->answer) {
        text.append(" = ");
        text.append(joined_answers(*sighting.dns));
      }
    }
    if (sighting.hello) {
      text.append(joined_protocols(*sighting.hello));
      if (sighting.recovered) {
        text.append(" name hidden by ECH, recovered from DNS");
      } else if (sighting.hello->ech == Ech::real) {
        text.append(" hides another name by ECH");
      }
    }
    return text;
  }

  Output& output_;
};

}  // namespace

std::unique_ptr<Analysis> make_sightings_analysis(Format format, Output& output) {
  switch (format) {
    case Format::json:
      return std::make_unique<JsonSightings>(output);
    case Format::csv:
      return std::make_unique<CsvSightings>(output);
    case Format::table:
      break;
  }
  return std::make_unique<TableSightings>(output);
}

}  // namespace gnomon::cli
